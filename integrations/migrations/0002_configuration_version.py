from __future__ import annotations

from typing import Any

from django.db import migrations, models


def make_first_version(apps: Any, schema_editor: Any) -> None:
    apps.get_model("integrations", "ConfigurationVersion").objects.create(pk=1, value="")


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="ConfigurationVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("value", models.CharField(max_length=32)),
            ],
        ),
        # So that two changes of a fresh portal do not both have to make it.
        migrations.RunPython(make_first_version, migrations.RunPython.noop, elidable=False),
    ]

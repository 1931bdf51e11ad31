"""Each column that identifies gets its collation; names that people type get their one spelling.

On SQLite these columns compare exactly already, so only the state changes there: to alter them would copy every table, the
audit trail's too. On MariaDB each table is rebuilt once, whatever number of its columns are altered.
"""

import django.contrib.auth.validators
import django.core.validators
import integrations.models.calls
import integrations.models.organizations
import re
import integrations.models.keys
from django.db import migrations

# Sessions, log-ins, groups: whole tables, and so what their own migrations add to them later.
THEIRS = ("admin", "auth", "axes", "contenttypes", "sessions")
NAMES = (("User", "username"), ("Tier", "name"), ("ApiKey", "name"))


def declare_collations(apps, schema_editor):
    connection = schema_editor.connection
    if connection.vendor != "mysql":
        return
    quoted = schema_editor.quote_name
    for model in apps.get_models():
        table, label = quoted(model._meta.db_table), model._meta.app_label
        keys = [one for one in model._meta.local_concrete_fields if isinstance(one, integrations.models.keys.KeyField)]
        if label == "integrations" and keys and not model._meta.proxy:
            columns = [
                f"MODIFY {quoted(one.column)} {one.db_type(connection)} COLLATE {one.db_parameters(connection)['collation']}"
                f" {'NULL' if one.null else 'NOT NULL'}"
                for one in keys
            ]
            schema_editor.execute(f"ALTER TABLE {table} {', '.join(columns)}")
        elif label in THEIRS:
            collation = integrations.models.keys.COLLATIONS["mysql"]
            schema_editor.execute(f"ALTER TABLE {table} CONVERT TO CHARACTER SET utf8mb4 COLLATE {collation}")


def fold_names(apps, schema_editor):
    """Where two became one, the later one gets a number, and whoever migrates is told."""
    for model_name, field in NAMES:
        model = apps.get_model("integrations", model_name)
        longest = model._meta.get_field(field).max_length
        taken = set()
        rows = list(model.objects.order_by("pk"))
        rows.sort(key=lambda row: getattr(row, field) != _folded(row, field))  # who is spelled so already keeps the name
        for row in rows:
            before, scope = getattr(row, field), getattr(row, "organization_id", None)
            name = _free(_folded(row, field), scope, taken, longest)
            if name == before:
                continue
            model.objects.filter(pk=row.pk).update(**{field: name})
            if model_name == "Tier":
                _rename_in_flex_roles(apps, row.organization_id, before, name)
            if name != _folded(row, field):
                print(f"  {model._meta.verbose_name} {before!r} is called {name!r} now: another has the same name in small letters.")


def _folded(row, field):
    return integrations.models.keys.folded(getattr(row, field))


def _free(name, scope, taken, longest):
    found, number = name[:longest], 1
    while (scope, found) in taken:
        number += 1
        found = f"{name[:longest - 4]}-{number}"
    taken.add((scope, found))
    return found


def _rename_in_flex_roles(apps, organization_id, before, name):
    organization = apps.get_model("integrations", "Organization").objects.get(pk=organization_id)
    for role in organization.flex_roles.values():
        if role.get("tier") == before:
            role["tier"] = name
    organization.save(update_fields=["flex_roles"])


class Migration(migrations.Migration):

    dependencies = [
        ('admin', '0003_logentry_add_action_flag_choices'),
        ('auth', '0012_alter_user_first_name_max_length'),
        ('axes', '0010_accessattemptexpiration'),
        ('contenttypes', '0002_remove_content_type_name'),
        ('sessions', '0001_initial'),
        ('integrations', '0015_currencies'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[
            migrations.AlterField(
                model_name='accessentry',
                name='actor_id',
                field=integrations.models.keys.KeyField(blank=True, max_length=64),
            ),
            migrations.AlterField(
                model_name='accessentry',
                name='address',
                field=integrations.models.keys.KeyField(blank=True, max_length=64),
            ),
            migrations.AlterField(
                model_name='accessentry',
                name='call_sid',
                field=integrations.models.keys.KeyField(blank=True, max_length=64),
            ),
            migrations.AlterField(
                model_name='accessentry',
                name='hash',
                field=integrations.models.keys.KeyField(max_length=64),
            ),
            migrations.AlterField(
                model_name='accessentry',
                name='panel_key',
                field=integrations.models.keys.KeyField(blank=True, max_length=32),
            ),
            migrations.AlterField(
                model_name='accessentry',
                name='prev_hash',
                field=integrations.models.keys.KeyField(blank=True, max_length=64),
            ),
            migrations.AlterField(
                model_name='accessentry',
                name='subject_key',
                field=integrations.models.keys.KeyField(blank=True, max_length=64),
            ),
            migrations.AlterField(
                model_name='accessentry',
                name='task_sid',
                field=integrations.models.keys.KeyField(blank=True, max_length=34),
            ),
            migrations.AlterField(
                model_name='accessentry',
                name='team',
                field=integrations.models.keys.KeyField(blank=True, max_length=80),
            ),
            migrations.AlterField(
                model_name='accessentry',
                name='tier',
                field=integrations.models.keys.KeyField(blank=True, max_length=40),
            ),
            migrations.AlterField(
                model_name='accessentry',
                name='view_id',
                field=integrations.models.keys.KeyField(blank=True, max_length=32),
            ),
            migrations.AlterField(
                model_name='apikey',
                name='hash',
                field=integrations.models.keys.KeyField(editable=False, max_length=64, unique=True),
            ),
            migrations.AlterField(
                model_name='apikey',
                name='name',
                field=integrations.models.keys.NameField(max_length=80, verbose_name='name'),
            ),
            migrations.AlterField(
                model_name='audithead',
                name='hash',
                field=integrations.models.keys.KeyField(blank=True, default='', max_length=64),
            ),
            migrations.AlterField(
                model_name='call',
                name='call_sid',
                field=integrations.models.keys.KeyField(blank=True, max_length=64, null=True, verbose_name='call SID'),
            ),
            migrations.AlterField(
                model_name='call',
                name='key',
                field=integrations.models.keys.KeyField(default=integrations.models.calls.new_panel_key, editable=False, max_length=32, unique=True),
            ),
            migrations.AlterField(
                model_name='call',
                name='number_index',
                field=integrations.models.keys.KeyField(blank=True, db_index=True, default='', max_length=64),
            ),
            migrations.AlterField(
                model_name='callrecord',
                name='record_id',
                field=integrations.models.keys.KeyField(max_length=190),
            ),
            migrations.AlterField(
                model_name='calltask',
                name='channel',
                field=integrations.models.keys.KeyField(blank=True, default='voice', max_length=40),
            ),
            migrations.AlterField(
                model_name='calltask',
                name='task_sid',
                field=integrations.models.keys.KeyField(max_length=34, verbose_name='task SID'),
            ),
            migrations.AlterField(
                model_name='configurationchange',
                name='model',
                field=integrations.models.keys.KeyField(max_length=40),
            ),
            migrations.AlterField(
                model_name='configurationchange',
                name='object_id',
                field=integrations.models.keys.KeyField(max_length=40),
            ),
            migrations.AlterField(
                model_name='configurationversion',
                name='value',
                field=integrations.models.keys.KeyField(max_length=32),
            ),
            migrations.AlterField(
                model_name='connector',
                name='details_by',
                field=integrations.models.keys.KeyField(blank=True, max_length=80, verbose_name='asked by'),
            ),
            migrations.AlterField(
                model_name='connector',
                name='key',
                field=integrations.models.keys.NameField(max_length=40, validators=[django.core.validators.RegexValidator('\\A[a-z0-9][a-z0-9-]{0,39}\\Z', 'Use up to 40 lower-case letters, digits and hyphens.')], verbose_name='key'),
            ),
            migrations.AlterField(
                model_name='connector',
                name='kind',
                field=integrations.models.keys.KeyField(max_length=40, verbose_name='kind'),
            ),
            migrations.AlterField(
                model_name='customfield',
                name='name',
                field=integrations.models.keys.NameField(max_length=64, validators=[django.core.validators.RegexValidator('\\A[a-z][a-z0-9_]{0,63}\\Z', 'Use up to 64 lower-case letters, digits and underscores, a letter first.')], verbose_name='name'),
            ),
            migrations.AlterField(
                model_name='directorykey',
                name='digest',
                field=integrations.models.keys.KeyField(max_length=64),
            ),
            migrations.AlterField(
                model_name='organization',
                name='hook_key',
                field=integrations.models.keys.KeyField(default=integrations.models.organizations.new_hook_key, editable=False, max_length=32, unique=True, verbose_name='webhook key'),
            ),
            migrations.AlterField(
                model_name='organization',
                name='slug',
                field=integrations.models.keys.NameField(max_length=40, unique=True, validators=[integrations.models.organizations.validate_slug], verbose_name='short name'),
            ),
            migrations.AlterField(
                model_name='periodicrun',
                name='name',
                field=integrations.models.keys.KeyField(max_length=40),
            ),
            migrations.AlterField(
                model_name='person',
                name='team',
                field=integrations.models.keys.KeyField(blank=True, max_length=80, verbose_name='team'),
            ),
            migrations.AlterField(
                model_name='person',
                name='worker_sid',
                field=integrations.models.keys.KeyField(blank=True, max_length=34, null=True, verbose_name='Flex worker SID'),
            ),
            migrations.AlterField(
                model_name='reservation',
                name='reservation_sid',
                field=integrations.models.keys.KeyField(max_length=34, unique=True),
            ),
            migrations.AlterField(
                model_name='reservation',
                name='worker_sid',
                field=integrations.models.keys.KeyField(max_length=34),
            ),
            migrations.AlterField(
                model_name='restrictedrecord',
                name='record_id',
                field=integrations.models.keys.KeyField(help_text="As the system names the record; in most it is the last part of the page's address.", max_length=190, verbose_name='record id'),
            ),
            migrations.AlterField(
                model_name='tier',
                name='name',
                field=integrations.models.keys.NameField(db_index=True, max_length=40, validators=[django.core.validators.RegexValidator(re.compile('^[-a-zA-Z0-9_]+\\Z'), 'Enter a valid “slug” consisting of letters, numbers, underscores or hyphens.', 'invalid')], verbose_name='name'),
            ),
            migrations.AlterField(
                model_name='tierrule',
                name='target',
                field=integrations.models.keys.KeyField(max_length=64, verbose_name='field or sensitivity'),
            ),
            migrations.AlterField(
                model_name='twilioaccount',
                name='account_sid',
                field=integrations.models.keys.KeyField(max_length=34, unique=True, validators=[django.core.validators.RegexValidator('\\AAC[0-9a-f]{32}\\Z', 'An account SID is AC followed by 32 digits or letters a to f.')], verbose_name='account SID'),
            ),
            migrations.AlterField(
                model_name='twilioaccount',
                name='workspace_sid',
                field=integrations.models.keys.KeyField(blank=True, max_length=34, validators=[django.core.validators.RegexValidator('\\AWS[0-9a-f]{32}\\Z', 'A workspace SID is WS followed by 32 digits or letters a to f.')], verbose_name='workspace SID'),
            ),
            migrations.AlterField(
                model_name='user',
                name='username',
                field=integrations.models.keys.NameField(error_messages={'unique': 'This user name is taken.'}, max_length=150, unique=True, validators=[django.contrib.auth.validators.UnicodeUsernameValidator()], verbose_name='user name'),
            ),
        ]),
        migrations.RunPython(declare_collations, migrations.RunPython.noop, atomic=False),
        migrations.RunPython(fold_names, migrations.RunPython.noop),
    ]

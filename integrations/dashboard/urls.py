"""Addresses of the dashboard, and of logging in and out."""

from __future__ import annotations

from django.contrib.auth import views as auth
from django.urls import path

from integrations.dashboard import agents
from integrations.dashboard.sessions import LeavingView, NewPasswordView, SignInForm

urlpatterns = [
    path("", agents.dashboard, name="dashboard"),
    path("search/", agents.search, name="dashboard-search"),
    path("organization/", agents.switch_organization, name="dashboard-organization"),
    path(
        "login/",
        auth.LoginView.as_view(authentication_form=SignInForm, redirect_authenticated_user=True),
        name="login",
    ),
    path("logout/", LeavingView.as_view(), name="logout"),
    path("password-reset/", NewPasswordView.as_view(), name="password_reset"),
    path("password-reset/sent/", auth.PasswordResetDoneView.as_view(), name="password_reset_done"),
    path("password-reset/<uidb64>/<token>/", auth.PasswordResetConfirmView.as_view(), name="password_reset_confirm"),
    path("password-reset/done/", auth.PasswordResetCompleteView.as_view(), name="password_reset_complete"),
]

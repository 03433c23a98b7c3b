"""People and tokens in Django admin."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as StockUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.http import HttpRequest

from oms.accounts.models import ApiToken, User


class PersonCreationForm(AdminUserCreationForm):
    """A new person, by e-mail."""

    class Meta:
        model = User
        fields = ("email", "name", "role")


class PersonChangeForm(UserChangeForm[User]):
    """A person with role and scopes."""

    class Meta:
        model = User
        fields = "__all__"


@admin.register(User)
class UserAdmin(StockUserAdmin[User]):  # type: ignore[type-var]
    """People: role, scope, whether they may come in."""

    form = PersonChangeForm
    add_form = PersonCreationForm
    ordering = ("email",)
    list_display = ("email", "name", "role", "is_active", "all_nodes", "last_login")
    list_filter = ("role", "is_active")
    search_fields = ("email", "name")
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "password", "name", "language")}),
        ("What they may do", {"fields": ("role", "is_active", "is_staff", "is_superuser")}),
        ("What they see", {"fields": ("all_nodes", "node_codes", "all_channels", "channel_codes")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "role", "usable_password", "password1", "password2")}),)


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin[ApiToken]):
    """Tokens can be looked at and revoked; they are made on the settings screen, which shows the secret once."""

    list_display = ("name", "prefix", "created_at", "last_used_at", "expires_at", "revoked_at")
    readonly_fields = ("name", "prefix", "verbs", "created_by", "created_at", "last_used_at")
    exclude = ("token_hash",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Tokens are made where the secret can be shown."""
        return False

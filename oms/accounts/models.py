"""People, their roles and scopes, and the tokens of machines."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from oms.core.constraints import one_of


class Role(models.TextChoices):
    """What a person is here for. `oms.accounts.access` says what each may do."""

    ADMIN = "admin", "Admin"
    OPS_MANAGER = "ops_manager", "Ops manager"
    OPS_AGENT = "ops_agent", "Ops agent"
    CUSTOMER_SERVICE = "customer_service", "Customer service"
    WAREHOUSE_LEAD = "warehouse_lead", "Warehouse lead"
    PACKER = "packer", "Packer"
    STORE_MANAGER = "store_manager", "Store manager"
    STORE_ASSOCIATE = "store_associate", "Store associate"
    FINANCE = "finance", "Finance"
    INTEGRATOR = "integrator", "Integrator"
    READ_ONLY = "read_only", "Read-only"


class UserManager(BaseUserManager["User"]):
    """Makes users by e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A person who signs in with this address; without a password nobody can sign in as them yet."""
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """An admin with every right, in Django admin too."""
        fields.setdefault("role", Role.ADMIN)
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person. Scopes are codes of nodes and channels; an empty list with the `all_` flag off means none."""

    id = models.BigAutoField(primary_key=True)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    role = models.CharField(max_length=20, choices=Role, default=Role.READ_ONLY)
    all_nodes = models.BooleanField(default=False, help_text="Sees the work of every node.")
    node_codes = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    all_channels = models.BooleanField(default=True, help_text="Sees the orders of every channel.")
    channel_codes = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False, help_text="May open Django admin.")
    single_key_shortcuts = models.BooleanField(default=True)
    language = models.CharField(max_length=5, default="en")
    date_joined = models.DateTimeField(db_default=Now())

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        constraints = [one_of("role", Role, prefix="user")]

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        """The name, or the address where there is none."""
        return self.name or self.email

    def get_short_name(self) -> str:
        """The first word of the name."""
        return self.get_full_name().split(" ", maxsplit=1)[0]


class ApiToken(models.Model):
    """A machine's key. Only its hash is stored; the text is shown once. Acts within its own verbs and scopes."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=120)
    prefix = models.CharField(max_length=12, help_text="First characters, to recognise it by.")
    token_hash = models.CharField(max_length=64, unique=True)
    verbs = ArrayField(models.CharField(max_length=60), default=list, help_text="What it may do.")
    all_nodes = models.BooleanField(default=True)
    node_codes = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    all_channels = models.BooleanField(default=True)
    channel_codes = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(db_default=Now())
    last_used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}...)"


def new_token_text() -> str:
    """A fresh secret of 256 bits with a recognisable beginning."""
    return f"oms_{secrets.token_urlsafe(32)}"


def hash_token(text: str) -> str:
    """SHA-256 of a token: enough for a secret of full entropy."""
    return hashlib.sha256(text.encode()).hexdigest()

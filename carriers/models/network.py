"""Contracts with carriers, what they charge, and where they deliver."""

from __future__ import annotations

from django.db import models
from encrypted_fields.fields import EncryptedJSONField


class RateCard(models.Model):
    """Charges by zone and weight. `zones` maps a zone to first and additional slab, as `carriers.rates` reads it."""

    id = models.BigAutoField(primary_key=True)
    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    currency = models.CharField(max_length=3, default="INR")
    zones = models.JSONField(help_text="Zone -> first_grams, first_minor, additional_grams, additional_minor, days.")
    cod_minor = models.PositiveIntegerField(default=0, help_text="Least COD charge.")
    cod_bp = models.PositiveIntegerField(default=0, help_text="COD charge in basis points of the amount collected.")
    fuel_bp = models.PositiveIntegerField(default=0, help_text="Fuel surcharge in basis points of the freight.")
    valid_from = models.DateField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class CarrierAccount(models.Model):
    """One contract with one carrier or aggregator. Credentials are encrypted at rest."""

    id = models.BigAutoField(primary_key=True)
    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    adapter = models.CharField(max_length=40, help_text="Key in carriers.registry.")
    base_url = models.CharField(max_length=300, blank=True)
    secrets = EncryptedJSONField(default=dict, blank=True)
    settings = models.JSONField(default=dict, blank=True)
    rate_card = models.ForeignKey(RateCard, null=True, blank=True, on_delete=models.PROTECT)
    priority = models.PositiveSmallIntegerField(default=100)
    is_active = models.BooleanField(default=True)
    supports_cod = models.BooleanField(default=True)
    max_weight_grams = models.PositiveIntegerField(default=30_000)
    max_value_minor = models.BigIntegerField(
        null=True, blank=True, help_text="Goods worth more are not given to it, in minor units. Empty: any."
    )
    max_cod_minor = models.BigIntegerField(
        null=True, blank=True, help_text="The most cash that it collects with one parcel, in minor units. Empty: any."
    )
    remittance_days = models.PositiveSmallIntegerField(
        default=7, help_text="Days after delivery within which it pays the cash that it collected."
    )
    last_ok_at = models.DateTimeField(null=True, blank=True)
    last_error_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True)

    class Meta:
        ordering = ["priority", "code"]

    def __str__(self) -> str:
        return self.name


#: The postcode of a row that stands for all postcodes of its country.
WHOLE_COUNTRY = "*"


class Serviceability(models.Model):
    """Whether a carrier account delivers to a postcode, or to a country. No row at all for an account: everywhere."""

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(CarrierAccount, on_delete=models.CASCADE, related_name="postcodes")
    country = models.CharField(max_length=2, default="IN")
    postcode = models.CharField(max_length=16)
    prepaid = models.BooleanField(default=True)
    cod = models.BooleanField(default=True)

    class Meta:
        verbose_name_plural = "serviceability"
        constraints = [models.UniqueConstraint(fields=["account", "country", "postcode"], name="serviceability_once")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.postcode}"

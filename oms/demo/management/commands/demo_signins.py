"""manage.py demo_signins: who can sign in to the demo world."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from oms.accounts.models import User
from oms.demo.keys import password
from oms.demo.models import current_world
from oms.demo.people import PEOPLE


class Command(BaseCommand):
    """Prints nothing where no demo world is loaded."""

    help = "Print the e-mail addresses of the demo world's people and their one password."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Print a line for each person who is still there."""
        world = current_world()
        if world is None:
            return
        there = set(User.objects.filter(email__in=[person.email for person in PEOPLE]).values_list("email", flat=True))
        self.stdout.write(f"Demo sign-ins, all with the password {password(world)}")
        for person in PEOPLE:
            if person.email in there:
                where = f" ({', '.join(person.node_codes)})" if person.node_codes else ""
                note = f"; {person.note}" if person.note else ""
                self.stdout.write(f"  {person.email:<32} {person.role.label}{where}{note}")

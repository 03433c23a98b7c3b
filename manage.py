#!/usr/bin/env python3
"""Django's command line, pointed at the embedded services unless the environment names others."""

import os
import sys

from django.core.management import execute_from_command_line

from oms.embedded.environment import point_at_embedded_services


def main() -> None:
    """Run one management command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oms.settings")
    point_at_embedded_services(os.environ)
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()

"""Settings for tools that read the code without running it (mypy); no service is contacted."""

import os

os.environ.setdefault("DATABASE_URL", "postgres://nobody@localhost/nothing")
os.environ.setdefault("OMS_SECRET_KEY", "read by tools only")

from oms.settings import *  # noqa: F403

"""Gunicorn in a container. OMS_WEB_PROCESSES and OMS_WEB_THREADS size it; the connection pool follows the threads."""

import os

bind = "0.0.0.0:8000"
worker_class = "gthread"
workers = int(os.environ.get("OMS_WEB_PROCESSES", "2"))
threads = int(os.environ.get("OMS_WEB_THREADS", "8"))
timeout = 30
graceful_timeout = 30
max_requests = 2000
max_requests_jitter = 200
# The heartbeat file must not lie on a disk that can block.
worker_tmp_dir = "/dev/shm"  # noqa: S108
# The proxy in front is the only one that can reach this port.
forwarded_allow_ips = "*"
control_socket_disable = True

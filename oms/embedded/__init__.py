"""PostgreSQL and Valkey from wheels, and a supervisor for every process, so that one command runs the whole system.

Meant for evaluation, for tests and for a single machine. `DATABASE_URL` and `REDIS_URL` win whenever they are set.
"""

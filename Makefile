# Everything here needs only python3.11, pip and make; `make env` brings the rest, databases included.

PYTHON ?= python3.11

.PHONY: env
env: ## Install the locked requirements into .venv
	@$(PYTHON) requirements/install.py

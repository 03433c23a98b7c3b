# The image of every process of the application; docker-compose.yml says which one a container runs.
# PostgreSQL and Valkey are not in it, nor are the tools of development.

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv
COPY requirements/base.txt /tmp/base.txt
RUN /venv/bin/pip install --no-deps --only-binary :all: --require-hashes -r /tmp/base.txt \
    || /venv/bin/pip install --no-deps --require-hashes -r /tmp/base.txt
COPY . /app
WORKDIR /app
# Nothing is contacted here; the settings only have to load.
RUN DATABASE_URL=postgres://build@localhost/build OMS_SECRET_KEY=build OMS_STATIC_ROOT=/app/staticfiles \
    /venv/bin/python manage.py collectstatic --noinput --verbosity 0 \
    && /venv/bin/python -m compileall -q oms orders inventory routing fulfillment returns channels carriers

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin oms \
    && install -d -o oms -g oms /data /data/media /data/mail
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    OMS_STATIC_ROOT=/app/staticfiles \
    OMS_MEDIA_ROOT=/data/media \
    OMS_EMAIL_FILE_PATH=/data/mail
USER oms
VOLUME /data
EXPOSE 8000
# The web process unless a container says otherwise. Two processes of eight threads suit two cores; scale by containers.
ENV OMS_PROCESS=web
CMD ["gunicorn", "oms.wsgi:application", "--config", "docker/gunicorn.py"]

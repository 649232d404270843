# operator: migrations and the command line.
# Built from the root of the repository: docker build -f Dockerfile .
ARG BASE_IMAGE=python:3.13-slim

FROM ${BASE_IMAGE} AS build
WORKDIR /src
COPY deploy/images/install.sh requirements.lock ./
COPY libs/contracts/pyproject.toml libs/contracts/
COPY libs/chassis/pyproject.toml libs/chassis/
COPY services/gateway/pyproject.toml services/gateway/
COPY services/orchestrator/pyproject.toml services/orchestrator/
COPY services/notifier/pyproject.toml services/notifier/
COPY pyproject.toml README.md ./
RUN sh install.sh dependencies "" libs/contracts libs/chassis services/gateway services/orchestrator services/notifier .
COPY libs/contracts/src libs/contracts/src
COPY libs/chassis/src libs/chassis/src
COPY services/gateway/src services/gateway/src
COPY services/orchestrator/src services/orchestrator/src
COPY services/notifier/src services/notifier/src
COPY src src
RUN sh install.sh packages libs/contracts libs/chassis services/gateway services/orchestrator services/notifier .

FROM ${BASE_IMAGE} AS files
ENV HOME=/tmp PATH=/opt/venv/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN echo 'app:x:10001:10001::/tmp:/usr/sbin/nologin' >> /etc/passwd
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "blog_writer"]
CMD ["--help"]

# For live updates while developing: the code may be changed by its user.
FROM files AS development
USER 0
RUN chown -R 10001:10001 /app
USER 10001:10001

FROM files AS release
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="blog-writer operator" \
      org.opencontainers.image.description="migrations and the command line" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

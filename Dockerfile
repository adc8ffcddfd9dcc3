ARG BASE=python:3.13-slim

FROM ${BASE} AS build
# `base` is what the service needs; `demo` adds the fake AWS of `keysteward demo`.
ARG REQUIREMENTS=base
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY requirements/ requirements/
# The environment that ships has no pip and no compiler: a second one fills it from the outside.
RUN python -m venv /build \
 && python -m venv --without-pip /opt/keysteward \
 && /build/bin/pip install --require-hashes -r requirements/build.txt \
 && /build/bin/pip --python /opt/keysteward install --require-hashes -r "requirements/${REQUIREMENTS}.txt"
COPY pyproject.toml README.md LICENSE ./
COPY app/ app/
RUN /build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /build/bin/pip --python /opt/keysteward install --no-deps --no-index /wheels/*.whl

FROM ${BASE}
ARG VERSION=0.0.0
ARG COMMIT=unknown
LABEL org.opencontainers.image.title="keysteward" \
      org.opencontainers.image.description="Keeps watch over long-lived AWS access keys" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}"
RUN groupadd --gid 10001 keysteward \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/keysteward --shell /usr/sbin/nologin keysteward \
 && install -d -o 10001 -g 10001 -m 0750 /var/lib/keysteward \
 && install -d /etc/keysteward
COPY --from=build /opt/keysteward /opt/keysteward
ENV PATH=/opt/keysteward/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HEALTH_URL=http://127.0.0.1:8080/healthz
USER 10001:10001
WORKDIR /etc/keysteward
VOLUME ["/var/lib/keysteward"]
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(os.environ['HEALTH_URL'], timeout=4)"]
ENTRYPOINT ["keysteward"]
CMD ["run"]

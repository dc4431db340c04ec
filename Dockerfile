# The exporter as an image: docs/operating.md says how to run it and what is in it.
#
#   docker build --tag glue-mv-exporter .                 the exporter
#   docker build --tag glue-mv-exporter:demo --target demo .    the exporter on a simulated Glue
#
# Python's minor version and Debian's release are pinned here; a digest pins the rest:
# --build-arg PYTHON_IMAGE=python:3.13-slim-trixie@sha256:…
ARG PYTHON_IMAGE=python:3.13-slim-trixie

# The build stage. It has pip and a shell; the images have neither.
FROM ${PYTHON_IMAGE} AS tools
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1 PIP_ROOT_USER_ACTION=ignore
COPY requirements/build.txt /src/requirements/
RUN python3 -m venv /opt/build \
  && /opt/build/bin/pip install --quiet --require-hashes -r /src/requirements/build.txt \
  && python3 -m venv --without-pip /opt/glue-mv-exporter

# Dependencies before the source, so that a change of the program does not change this layer.
FROM tools AS dependencies
COPY requirements/runtime.txt /src/requirements/
RUN /opt/build/bin/pip --python /opt/glue-mv-exporter/bin/python3 install --quiet \
  --require-hashes -r /src/requirements/runtime.txt

FROM tools AS wheel
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY exporter exporter
COPY docs/runbooks docs/runbooks
RUN /opt/build/bin/python -m hatchling build -t wheel -d /dist

# The environment of the image, at the path where it runs. Its bytecode is compiled here because nothing can be
# written later; it does not depend on the source's modification time, which some builders change.
FROM dependencies AS environment
COPY --from=wheel /dist /dist
COPY deploy/image/trim_botocore.py /src/
RUN /opt/build/bin/pip --python /opt/glue-mv-exporter/bin/python3 install --quiet --no-deps /dist/*.whl \
  && /opt/glue-mv-exporter/bin/python3 /src/trim_botocore.py \
  && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/glue-mv-exporter/lib

FROM dependencies AS demo-environment
COPY requirements/demo.txt /src/requirements/
RUN /opt/build/bin/pip --python /opt/glue-mv-exporter/bin/python3 install --quiet \
  --require-hashes -r /src/requirements/demo.txt
COPY --from=wheel /dist /dist
RUN /opt/build/bin/pip --python /opt/glue-mv-exporter/bin/python3 install --quiet --no-deps /dist/*.whl \
  && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/glue-mv-exporter/lib

# The roots of the images: the base, an environment, and the bytecode of what the program imports. Official Python
# images have none of the standard library: compiled here, once, instead of at every start and every health check.
# Then what the exporter never runs is removed: shells, pip and ensurepip.
FROM ${PYTHON_IMAGE} AS root
# A named volume that is mounted there belongs to the user, as this folder does.
RUN install -d -o 65532 -g 65532 -m 0700 /var/lib/glue-mv-exporter
COPY deploy/image/compile.py deploy/image/strip_root.py /src/

FROM root AS demo-root
COPY --from=demo-environment /opt/glue-mv-exporter /opt/glue-mv-exporter
RUN /opt/glue-mv-exporter/bin/python3 /src/compile.py demo && python3 /src/strip_root.py && rm -r /src

FROM root AS exporter-root
COPY --from=environment /opt/glue-mv-exporter /opt/glue-mv-exporter
RUN /opt/glue-mv-exporter/bin/python3 /src/compile.py serve && python3 /src/strip_root.py && rm -r /src

# What both images have in common. They start from nothing, so that what was removed is in no layer of theirs.
FROM scratch AS image
ARG PYTHON_IMAGE
# A release sets these four; exporter/__init__.py is where the version is written.
ARG VERSION
ARG REVISION
ARG CREATED
ARG SOURCE
LABEL org.opencontainers.image.title="glue-mv-exporter" \
  org.opencontainers.image.description="Prometheus exporter for AWS Glue materialized view refresh task runs" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}" \
  org.opencontainers.image.created="${CREATED}" \
  org.opencontainers.image.source="${SOURCE}" \
  org.opencontainers.image.base.name="${PYTHON_IMAGE}"
# MALLOC_*: otherwise glibc keeps the memory that the first poll of a large account needed, in a heap for each
# thread. With fixed thresholds, in bytes, it returns freed blocks.
ENV PATH=/opt/glue-mv-exporter/bin:/usr/local/bin:/usr/bin:/bin \
  LANG=C.UTF-8 \
  MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=327680 MALLOC_TRIM_THRESHOLD_=1048576 \
  PYTHONDONTWRITEBYTECODE=1 \
  GLUE_MV_EXPORTER_CONFIG_FILE=/etc/glue-mv-exporter/config.yaml
EXPOSE 10079
STOPSIGNAL SIGTERM
# It does not see the exporter's flags: set --web.* as environment variables.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
  CMD ["glue-mv-exporter", "healthcheck"]
ENTRYPOINT ["glue-mv-exporter"]

FROM image AS demo
# hadolint ignore=DL3067
COPY --from=demo-root / /
# Outside of a container the demo listens on 127.0.0.1.
ENV GLUE_MV_EXPORTER_WEB_LISTEN_ADDRESS=:10079
USER 65532:65532
CMD ["demo"]

FROM image AS exporter
# hadolint ignore=DL3067
COPY --from=exporter-root / /
USER 65532:65532

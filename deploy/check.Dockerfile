# The client suite, to be run against an internet in another container: compose.yaml's profile "check".
ARG BASE=python:3.13-slim
ARG BUILD_BASE=${BASE}

FROM ${BUILD_BASE} AS build
ARG PIP_INDEX_URL
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY pyproject.toml ./
# Neither the engine's SDK nor Kubernetes' schemas are of use in there.
RUN python3 -m venv /opt/suite \
 && python3 -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; print(*p['dependencies'], *(n for n in p['optional-dependencies']['test'] if not n.startswith(('docker', 'kubernetes'))), sep='\n')" > needed \
 && /opt/suite/bin/python -m pip install --quiet --only-binary cryptography -r needed \
 && /opt/suite/bin/python -m pip install --quiet --target tools hatchling
COPY README.md LICENSE ./
COPY services services
COPY fixtures fixtures
RUN PYTHONPATH=tools /opt/suite/bin/python -m pip install --quiet --no-deps --no-build-isolation .

FROM ${BASE}
COPY --from=build /opt/suite /opt/suite
WORKDIR /suite
COPY pyproject.toml ./
COPY tests tests
ENV PATH=/opt/suite/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp
# The user of the internet's image, who may read the ready file.
USER 10001:10001
ENTRYPOINT ["python", "-m", "pytest", "-p", "no:cacheprovider"]
CMD ["--quiet", "--target", "/data/ready.json", "tests/stdlib"]

# A small internet in a container: docker build .   (with or without BuildKit, from a clean checkout)
#
# BASE is what the image stands on. BUILD_BASE is what it is built on, where a network wants something more for that, such
# as a certificate authority or a package index of its own; nothing of it comes into the image but /opt/minternet.
ARG BASE=python:3.13-slim
ARG BUILD_BASE=${BASE}

FROM ${BUILD_BASE} AS build
ARG PIP_INDEX_URL
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
# What it depends on is a layer of its own: a change of the sources fetches nothing again.
COPY pyproject.toml ./
RUN python3 -m venv /opt/minternet \
 && python3 -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" > needed \
 && /opt/minternet/bin/python -m pip install --quiet --only-binary cryptography -r needed \
 && /opt/minternet/bin/python -m pip install --quiet --target tools hatchling
COPY README.md LICENSE ./
COPY services services
COPY fixtures fixtures
RUN PYTHONPATH=tools /opt/minternet/bin/python -m pip install --quiet --no-deps --no-build-isolation . \
 && /opt/minternet/bin/python -m pip uninstall --quiet --yes pip setuptools wheel \
 && find /opt/minternet -depth -type d -path "*/site-packages/*" \( -name test -o -name tests \) -exec rm -rf {} + \
 && rm -f /opt/minternet/lib/python3*/site-packages/zstandard/_cffi*.so

FROM ${BASE}
LABEL org.opencontainers.image.title="minternet" \
      org.opencontainers.image.description="A mini internet: echo, HTTP, SMTP, IMAP, POP3, FTP and NNTP over one shared world" \
      org.opencontainers.image.licenses="MIT"
# Nothing that installs is left: the base's own pip goes too.
RUN { ! python3 -c 'import pip' 2>/dev/null || python3 -m pip uninstall --quiet --yes --root-user-action ignore pip; } \
 && python3 -c "import ensurepip, shutil; shutil.rmtree(ensurepip.__path__[0])" \
 && rm -rf /usr/share/python-wheels \
 && useradd --system --uid 10001 --user-group --home-dir /data --shell /usr/sbin/nologin minternet \
 && mkdir /data /fixtures \
 && chown minternet:minternet /data
COPY --from=build /opt/minternet /opt/minternet
COPY deploy/entrypoint /usr/local/bin/minternet-entrypoint
# Two seconds to stop: half a second is left for everything but the conversations that want to end.
ENV PATH=/opt/minternet/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MINTERNET_HOST=0.0.0.0 \
    MINTERNET_AUTHORITY=/data/authority \
    MINTERNET_READY_FILE=/data/ready.json \
    MINTERNET_PASSIVE_PORTS=30000-30009 \
    MINTERNET_DRAIN=1.5
USER 10001:10001
WORKDIR /data
VOLUME ["/data"]
EXPOSE 2007/tcp 2007/udp 2021 2024 2025 2080 2110 2119 2143 2443 2465 2563 2587 2800 2990 2993 2995 30000-30009
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=3s --timeout=5s --start-period=10s --retries=3 CMD ["minternet", "health"]
ENTRYPOINT ["minternet-entrypoint"]
CMD ["up"]

# docker build --tag contracts . && docker run --rm contracts check
FROM python:3.12.14-slim@sha256:e5c9fa26ffb76e11e0f054f30dc2523a2f9693f0c36c0cf1e39b27e152d899fc AS build
WORKDIR /source
COPY pipelines/image.txt ./
# All that the suite and its build need, each file by its digest. After this nobody is asked for anything.
RUN pip wheel --no-cache-dir --wheel-dir /wheels --require-hashes --requirement image.txt \
    && pip install --no-cache-dir --no-index --find-links /wheels --requirement image.txt
COPY pyproject.toml README.md LICENSE checkpoint_permissions_contracts.py pytest_checkpoint_permissions.py ./
COPY contracts contracts
COPY spec spec
RUN pip wheel --no-cache-dir --no-index --no-deps --no-build-isolation --wheel-dir /wheels .

FROM python:3.12.14-slim@sha256:e5c9fa26ffb76e11e0f054f30dc2523a2f9693f0c36c0cf1e39b27e152d899fc
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links /wheels /wheels/checkpoint_permissions_contracts-*.whl \
    && useradd --system --no-create-home --uid 10001 contracts
# Reports and contracts.toml: --user "$(id -u)" --volume "$PWD:/reports"
WORKDIR /reports
ENV PYTHONDONTWRITEBYTECODE=1
USER 10001
ENTRYPOINT ["contracts"]
CMD ["check"]

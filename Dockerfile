# docker build --tag contracts . && docker run --rm contracts check
FROM python:3.12-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY contracts contracts
COPY spec spec
# The wheel and all that it needs, so that the second stage asks nobody.
RUN pip wheel --no-cache-dir --wheel-dir /wheels .

FROM python:3.12-slim
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index /wheels/*.whl \
    && useradd --system --no-create-home --uid 10001 contracts
# Reports and contracts.toml: --volume "$PWD:/reports"
WORKDIR /reports
ENV PYTHONDONTWRITEBYTECODE=1
USER 10001
ENTRYPOINT ["contracts"]
CMD ["check"]

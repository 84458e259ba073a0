# syntax=docker/dockerfile:1

# One static binary in an empty image, run by a user without rights.
#
#   docker build --build-arg VERSION=v1.0.0 --build-arg COMMIT=$(git rev-parse HEAD) -t oms .
#
# For a try, open to whoever reaches the ports:
#   docker run --rm -p 127.0.0.1:8080:8080 -p 127.0.0.1:9090:9090 oms serve --auth=none --gateway=sim
# With PostgreSQL, NATS and two processes: deploy/compose.yaml.

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG VERSION=
ARG COMMIT=
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -buildvcs=false \
    -ldflags "-s -w \
      -X github.com/seed-255eabaa/oms/internal/telemetry.version=${VERSION} \
      -X github.com/seed-255eabaa/oms/internal/telemetry.commit=${COMMIT}" \
    -o /out/oms ./cmd/oms && mkdir /out/data /out/tmp

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build --chown=65532:65532 /out/data /gateway
COPY --from=build --chown=65532:65532 /out/tmp /tmp
COPY --from=build /out/oms /oms

# The ports must be reachable from outside of the container, so serve asks for credentials, a gateway and, on PostgreSQL, a
# page token key. The port of operations stays inside; OMS_OPS_ADDR=0.0.0.0:9092 and OMS_EXPOSE_OPS=true let a network have it.
ENV OMS_DATA_DIR=/data \
    OMS_API_ADDR=0.0.0.0:8080 \
    OMS_GRPC_ADDR=0.0.0.0:9090 \
    OMS_INTERNAL_ADDR=0.0.0.0:9091
EXPOSE 8080 9090 9091
VOLUME /data
USER 65532:65532
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s CMD ["/oms", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/oms"]
CMD ["serve"]

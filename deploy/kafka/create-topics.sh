#!/bin/bash
# Creates the topics of the security foundation. Repeating it does no harm.
set -euo pipefail
server=${KAFKA_BOOTSTRAP_SERVERS:-kafka:9092}
create() {
    local topic=$1 partitions=$2
    shift 2
    /opt/kafka/bin/kafka-topics.sh --bootstrap-server "$server" --create --if-not-exists \
        --topic "$topic" --partitions "$partitions" --replication-factor "${REPLICATION:-1}" "$@"
}
# Revocations stay longer than any access token lives; what is auditable stays until audit-service has it.
create security.session-revoked 4 --config retention.ms=86400000
create security.key-rotated 1 --config retention.ms=604800000
create security.scan-completed 1 --config retention.ms=604800000
# One partition: its order is the order of the record.
create security.events 1 --config retention.ms=2592000000

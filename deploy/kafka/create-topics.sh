#!/bin/bash
# Creates the topics of the security foundation. Repeating it does no harm.
#   KAFKA_BOOTSTRAP_SERVERS (kafka:9092)   REPLICATION (1): how many brokers keep each record
set -euo pipefail
server=${KAFKA_BOOTSTRAP_SERVERS:-kafka:9092} replication=${REPLICATION:-1}
# With three or more copies an acknowledged record is on two brokers at least.
in_sync=$((replication > 2 ? 2 : 1))
create() {
    local topic=$1 partitions=$2 retention=$3
    /opt/kafka/bin/kafka-topics.sh --bootstrap-server "$server" --create --if-not-exists \
        --topic "$topic" --partitions "$partitions" --replication-factor "$replication" \
        --config "retention.ms=$retention" --config "min.insync.replicas=$in_sync"
}
day=86400000
# Revocations stay longer than any access token lives; what is auditable stays until audit-service has it.
create security.session-revoked 4 "$day"
create security.key-rotated 1 "$((7 * day))"
# Policies and entities: who decides fetches the whole at its start.
create security.policy-changed 1 "$day"
create security.scan-completed 1 "$((7 * day))"
# One partition: its order is the order of the record.
create security.events 1 "$((30 * day))"
# What a work queue could not handle is set aside here, until somebody has looked at it.
for topic in security.session-revoked security.key-rotated security.policy-changed \
    security.scan-completed security.events; do
    create "$topic.dead" 1 "$((30 * day))"
done

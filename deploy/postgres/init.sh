#!/bin/bash
# First start only: a database and an owner for each service that has replicas.
set -euo pipefail
password=$(< /run/secrets/postgres_token_service)
psql --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres --set=password="$password" << 'SQL'
CREATE ROLE token_service LOGIN PASSWORD :'password';
CREATE DATABASE token_service OWNER token_service;
REVOKE ALL ON DATABASE token_service FROM PUBLIC;
SQL

"""The tables of the outbox, in SQL that SQLite and PostgreSQL both understand."""

from __future__ import annotations

SCHEMA = """
CREATE TABLE IF NOT EXISTS instance (
    id INTEGER PRIMARY KEY,
    route TEXT NOT NULL,
    file TEXT NOT NULL UNIQUE,
    sop_class_uid TEXT NOT NULL,
    sop_instance_uid TEXT NOT NULL,
    study_instance_uid TEXT NOT NULL,
    series_instance_uid TEXT NOT NULL,
    transfer_syntax_uid TEXT NOT NULL,
    size BIGINT NOT NULL,
    received DOUBLE PRECISION NOT NULL,
    done DOUBLE PRECISION
);
CREATE TABLE IF NOT EXISTS delivery (
    instance BIGINT NOT NULL REFERENCES instance (id),
    destination TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_try DOUBLE PRECISION NOT NULL DEFAULT 0,
    status INTEGER,
    reason TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (instance, destination)
);
CREATE TABLE IF NOT EXISTS sameness (
    sop_instance_uid TEXT PRIMARY KEY,
    pixels TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS held (
    id INTEGER PRIMARY KEY,
    route TEXT NOT NULL,
    pyramid TEXT NOT NULL,
    instance TEXT NOT NULL,
    content TEXT NOT NULL,
    file TEXT NOT NULL UNIQUE,
    size BIGINT NOT NULL,
    received DOUBLE PRECISION NOT NULL,
    state TEXT NOT NULL,
    status INTEGER,
    reason TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS place (
    route TEXT NOT NULL,
    pyramid TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    time DOUBLE PRECISION NOT NULL
);
CREATE INDEX IF NOT EXISTS delivery_due ON delivery (destination, state, next_try);
CREATE TABLE IF NOT EXISTS refusal (
    route TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    status INTEGER NOT NULL,
    time DOUBLE PRECISION NOT NULL
);
"""

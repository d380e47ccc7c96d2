--# runner: alembic
--# about: a clinic's appointments, enum-heavy, as alembic upgrade --sql prints it: BEGIN and COMMIT in the files
--# file: 001_initial.sql
BEGIN;

CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

-- Running upgrade  -> 1a2b3c

CREATE TYPE sex AS ENUM ('female', 'male', 'unknown');

CREATE TYPE appointment_state AS ENUM ('booked', 'arrived', 'done');

CREATE TABLE patient (
    id SERIAL NOT NULL,
    name VARCHAR(100) NOT NULL,
    born DATE,
    sex sex DEFAULT 'unknown' NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE doctor (
    id SERIAL NOT NULL,
    name VARCHAR(100) NOT NULL,
    room VARCHAR(10),
    PRIMARY KEY (id),
    UNIQUE (name)
);

CREATE TABLE appointment (
    id SERIAL NOT NULL,
    patient_id INTEGER NOT NULL,
    doctor_id INTEGER NOT NULL,
    starts TIMESTAMP WITHOUT TIME ZONE NOT NULL,
    minutes INTEGER DEFAULT 15,
    state appointment_state DEFAULT 'booked' NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(patient_id) REFERENCES patient (id),
    FOREIGN KEY(doctor_id) REFERENCES doctor (id)
);

CREATE INDEX ix_appointment_starts ON appointment (starts);

INSERT INTO alembic_version (version_num) VALUES ('1a2b3c');

COMMIT;
--# file: 002_rows.sql
BEGIN;
-- Running upgrade 1a2b3c -> 2b3c4d
INSERT INTO patient (name) SELECT 'Patient ' || i FROM generate_series(1, 40) i;
INSERT INTO doctor (name) VALUES ('Dr. A'), ('Dr. B'), ('Dr. C');
INSERT INTO appointment (patient_id, doctor_id, starts) SELECT i, 1 + i % 3, timestamp '2020-01-01' + i * interval '1 day' FROM generate_series(1, 40) i;
UPDATE alembic_version SET version_num='2b3c4d' WHERE alembic_version.version_num = '1a2b3c';
COMMIT;
--# file: 003_state_values.sql
-- Running upgrade 2b3c4d -> 3c4d5e
ALTER TYPE appointment_state ADD VALUE 'no_show';
ALTER TYPE appointment_state ADD VALUE 'cancelled' BEFORE 'done';
UPDATE alembic_version SET version_num='3c4d5e' WHERE alembic_version.version_num = '2b3c4d';
--# file: 004_insurance.sql
BEGIN;
-- Running upgrade 3c4d5e -> 4d5e6f
CREATE TYPE insurer_kind AS ENUM ('public', 'private');
CREATE TABLE insurer (id SERIAL NOT NULL, name VARCHAR NOT NULL, kind insurer_kind NOT NULL, PRIMARY KEY (id));
ALTER TABLE patient ADD COLUMN insurer_id INTEGER;
ALTER TABLE patient ADD CONSTRAINT fk_patient_insurer FOREIGN KEY(insurer_id) REFERENCES insurer (id);
ALTER TABLE patient ADD COLUMN insurance_number VARCHAR(30);
CREATE INDEX ix_patient_insurer_id ON patient (insurer_id);
INSERT INTO insurer (name, kind) VALUES ('AOK', 'public');
UPDATE patient SET insurer_id = 1;
UPDATE alembic_version SET version_num='4d5e6f' WHERE alembic_version.version_num = '3c4d5e';
COMMIT;
--# file: 005_enum_to_text.sql
BEGIN;
-- Running upgrade 4d5e6f -> 5e6f7a
ALTER TABLE patient ALTER COLUMN sex DROP DEFAULT;
ALTER TABLE patient ALTER COLUMN sex TYPE VARCHAR(10) USING sex::text;
ALTER TABLE patient ALTER COLUMN sex SET DEFAULT 'unknown';
DROP TYPE sex;
ALTER TABLE patient ADD CONSTRAINT ck_patient_sex CHECK (sex IN ('female', 'male', 'unknown', 'diverse'));
UPDATE alembic_version SET version_num='5e6f7a' WHERE alembic_version.version_num = '4d5e6f';
COMMIT;
--# file: 006_enum_replaced.sql
BEGIN;
-- Running upgrade 5e6f7a -> 6f7a8b
ALTER TYPE insurer_kind RENAME TO insurer_kind_old;
CREATE TYPE insurer_kind AS ENUM ('statutory', 'private', 'self');
ALTER TABLE insurer ALTER COLUMN kind TYPE insurer_kind USING (CASE kind::text WHEN 'public' THEN 'statutory' ELSE kind::text END)::insurer_kind;
DROP TYPE insurer_kind_old;
UPDATE alembic_version SET version_num='6f7a8b' WHERE alembic_version.version_num = '5e6f7a';
COMMIT;
--# file: 007_no_double_booking.sql
BEGIN;
-- Running upgrade 6f7a8b -> 7a8b9c
CREATE EXTENSION IF NOT EXISTS btree_gist;
ALTER TABLE appointment ADD COLUMN ends TIMESTAMP WITHOUT TIME ZONE;
UPDATE appointment SET ends = starts + minutes * interval '1 minute';
ALTER TABLE appointment ALTER COLUMN ends SET NOT NULL;
ALTER TABLE appointment ADD CONSTRAINT ex_doctor_busy EXCLUDE USING gist (doctor_id WITH =, tsrange(starts, ends) WITH &&);
UPDATE alembic_version SET version_num='7a8b9c' WHERE alembic_version.version_num = '6f7a8b';
COMMIT;
--# file: 008_prescriptions.sql
BEGIN;
-- Running upgrade 7a8b9c -> 8b9cad
CREATE TYPE form AS ENUM ('tablet', 'drops', 'ointment');
CREATE TABLE drug (pzn CHAR(8) NOT NULL, name VARCHAR(200) NOT NULL, form form, PRIMARY KEY (pzn));
CREATE TABLE prescription (
    id BIGSERIAL NOT NULL,
    appointment_id INTEGER NOT NULL,
    pzn CHAR(8) NOT NULL,
    dose NUMERIC(6, 2),
    times form[],
    PRIMARY KEY (id),
    CONSTRAINT fk_prescription_appointment FOREIGN KEY(appointment_id) REFERENCES appointment (id) ON DELETE CASCADE,
    CONSTRAINT fk_prescription_drug FOREIGN KEY(pzn) REFERENCES drug (pzn)
);
CREATE INDEX ix_prescription_appointment_id ON prescription (appointment_id);
INSERT INTO drug VALUES ('12345678', 'Aspirin', 'tablet');
INSERT INTO prescription (appointment_id, pzn, dose) SELECT id, '12345678', 1 FROM appointment;
UPDATE alembic_version SET version_num='8b9cad' WHERE alembic_version.version_num = '7a8b9c';
COMMIT;
--# file: 009_widen.sql
BEGIN;
-- Running upgrade 8b9cad -> 9cadbe
ALTER TABLE patient ALTER COLUMN name TYPE VARCHAR(200);
ALTER TABLE prescription ALTER COLUMN dose TYPE NUMERIC(8, 2);
ALTER TABLE prescription ALTER COLUMN dose TYPE NUMERIC(9, 3);
ALTER TABLE drug ALTER COLUMN name TYPE TEXT;
ALTER TABLE doctor ALTER COLUMN room TYPE INTEGER USING room::integer;
ALTER TABLE prescription DROP COLUMN times;
UPDATE alembic_version SET version_num='9cadbe' WHERE alembic_version.version_num = '8b9cad';
COMMIT;
--# file: 010_pzn_varchar.sql
BEGIN;
-- Running upgrade 9cadbe -> adbecf
ALTER TABLE prescription DROP CONSTRAINT fk_prescription_drug;
ALTER TABLE drug ALTER COLUMN pzn TYPE VARCHAR(10);
ALTER TABLE prescription ALTER COLUMN pzn TYPE VARCHAR(10);
ALTER TABLE prescription ADD CONSTRAINT fk_prescription_drug FOREIGN KEY(pzn) REFERENCES drug (pzn) ON UPDATE CASCADE;
UPDATE alembic_version SET version_num='adbecf' WHERE alembic_version.version_num = '9cadbe';
COMMIT;
--# file: 011_appointment_tz.sql
BEGIN;
-- Running upgrade adbecf -> becfd0
ALTER TABLE appointment DROP CONSTRAINT ex_doctor_busy;
ALTER TABLE appointment ALTER COLUMN starts TYPE TIMESTAMP WITH TIME ZONE USING starts AT TIME ZONE 'Europe/Berlin';
ALTER TABLE appointment ALTER COLUMN ends TYPE TIMESTAMP WITH TIME ZONE USING ends AT TIME ZONE 'Europe/Berlin';
ALTER TABLE appointment ADD CONSTRAINT ex_doctor_busy EXCLUDE USING gist (doctor_id WITH =, tstzrange(starts, ends) WITH &&) WHERE (state <> 'cancelled');
UPDATE alembic_version SET version_num='becfd0' WHERE alembic_version.version_num = 'adbecf';
COMMIT;
--# file: 012_index_concurrently.sql
-- Running upgrade becfd0 -> cfd0e1
CREATE INDEX CONCURRENTLY ix_appointment_patient ON appointment (patient_id, starts);
UPDATE alembic_version SET version_num='cfd0e1' WHERE alembic_version.version_num = 'becfd0';
--# file: 013_triage_enum.sql
BEGIN;
-- Running upgrade cfd0e1 -> d0e1f2
CREATE TYPE urgency AS ENUM ('low', 'normal', 'high');
ALTER TABLE appointment ADD COLUMN urgency urgency DEFAULT 'normal' NOT NULL;
ALTER TABLE appointment ADD COLUMN urgencies urgency[] DEFAULT '{}' NOT NULL;
CREATE INDEX ix_appointment_urgency ON appointment (urgency) WHERE urgency = 'high';
ALTER TYPE urgency RENAME VALUE 'low' TO 'minor';
UPDATE alembic_version SET version_num='d0e1f2' WHERE alembic_version.version_num = 'cfd0e1';
COMMIT;
--# file: 014_batch_rename.sql
BEGIN;
-- Running upgrade d0e1f2 -> e1f2a3
ALTER TABLE doctor RENAME TO practitioner;
ALTER TABLE appointment RENAME doctor_id TO practitioner_id;
ALTER INDEX doctor_pkey RENAME TO practitioner_pkey;
ALTER TABLE practitioner RENAME CONSTRAINT doctor_name_key TO uq_practitioner_name;
ALTER TABLE practitioner ADD COLUMN deleted BOOLEAN DEFAULT false NOT NULL;
ALTER TABLE practitioner ALTER COLUMN deleted DROP DEFAULT;
UPDATE alembic_version SET version_num='e1f2a3' WHERE alembic_version.version_num = 'd0e1f2';
COMMIT;
--# file: 015_drop.sql
BEGIN;
-- Running upgrade e1f2a3 -> f2a3b4
DROP INDEX ix_appointment_starts;
ALTER TABLE patient DROP CONSTRAINT fk_patient_insurer;
ALTER TABLE patient DROP COLUMN insurer_id;
DROP TABLE insurer;
DROP TYPE insurer_kind;
ALTER TABLE patient DROP CONSTRAINT ck_patient_sex;
UPDATE alembic_version SET version_num='f2a3b4' WHERE alembic_version.version_num = 'e1f2a3';
COMMIT;

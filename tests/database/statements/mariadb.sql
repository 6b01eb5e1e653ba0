-- Statements for MariaDB. tests/database/label.py runs each case beside old code and writes labels.tsv.
-- Lines of a case: "setup:" runs before the old code starts, "new:" is what new code does after the case, and "hold"
-- says that the locks of the case last.

-- case: create table
CREATE TABLE invoices (id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, order_id int NOT NULL, sum int DEFAULT 0);
-- case: add nullable column
ALTER TABLE orders ADD COLUMN remark text;
-- case: add column with constant default
ALTER TABLE orders ADD COLUMN priority int DEFAULT 5;
-- case: add not null column with default
ALTER TABLE orders ADD COLUMN priority int NOT NULL DEFAULT 5;
-- case: add not null column without default
ALTER TABLE orders ADD COLUMN priority int NOT NULL;
-- case: add column with random uuid
ALTER TABLE orders ADD COLUMN token varchar(36) DEFAULT (uuid());
-- case: add stored generated column
ALTER TABLE orders ADD COLUMN twice int GENERATED ALWAYS AS (total * 2) STORED;
-- case: add auto_increment column
ALTER TABLE events ADD COLUMN number int AUTO_INCREMENT UNIQUE;
-- case: drop column
ALTER TABLE orders DROP COLUMN body;
-- case: rename column
ALTER TABLE orders RENAME COLUMN body TO content;
-- case: change with a new name
ALTER TABLE orders CHANGE body content text;
-- case: rename table
RENAME TABLE orders TO purchases;
-- case: alter table rename
ALTER TABLE orders RENAME TO purchases;
-- case: drop table
DROP TABLE log;
-- case: int to bigint
ALTER TABLE orders MODIFY total bigint NOT NULL;
-- case: widen varchar
ALTER TABLE customers MODIFY name varchar(80) NOT NULL;
-- case: widen varchar over 255 bytes
ALTER TABLE customers MODIFY name varchar(500) NOT NULL;
-- case: narrow varchar
ALTER TABLE customers MODIFY name varchar(12) NOT NULL;
-- case: shrink enum
ALTER TABLE orders MODIFY status enum('new', 'paid') NOT NULL;
-- case: set not null
ALTER TABLE customers MODIFY note varchar(60) NOT NULL;
-- case: drop not null
ALTER TABLE orders MODIFY total int NULL;
-- case: set default
ALTER TABLE orders ALTER COLUMN total SET DEFAULT 0;
-- case: create index
CREATE INDEX orders_total_idx ON orders (total);
-- case: alter table add index
ALTER TABLE orders ADD INDEX orders_total_idx (total);
-- case: create unique index
CREATE UNIQUE INDEX customers_score_idx ON customers (score);
-- case: add unique
ALTER TABLE customers ADD UNIQUE customers_score_idx (score);
-- case: add foreign key
-- setup: INSERT INTO owners SELECT DISTINCT owner FROM orders WHERE owner IS NOT NULL
ALTER TABLE orders ADD CONSTRAINT orders_owner FOREIGN KEY (owner) REFERENCES owners (id);
-- case: add check
ALTER TABLE orders ADD CONSTRAINT orders_total CHECK (total < 1000000);
-- case: add check that old code does not satisfy
-- setup: UPDATE orders SET total = 11 WHERE total <= 10
ALTER TABLE orders ADD CONSTRAINT orders_total CHECK (total > 10);
-- case: add enum value
ALTER TABLE orders MODIFY status enum('new', 'paid', 'sent', 'lost') NOT NULL;
-- case: update all rows
UPDATE orders SET score = total;
-- case: delete rows
DELETE FROM orders WHERE id < 5000;
-- case: truncate
TRUNCATE TABLE log;
-- case: convert charset
ALTER TABLE orders CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
-- case: lock tables
-- hold
LOCK TABLES orders WRITE;
-- case: optimize
OPTIMIZE TABLE orders;
-- case: create trigger
DELIMITER //
CREATE TRIGGER copy_total BEFORE INSERT ON orders FOR EACH ROW BEGIN SET NEW.score = NEW.total; END//
DELIMITER ;
-- case: executable comment
/*!50000 ALTER TABLE orders DROP COLUMN body */;
-- case: replace view
CREATE OR REPLACE VIEW order_names AS SELECT o.id, c.name, o.total FROM orders o JOIN customers c ON c.id = o.customer_id;
-- case: drop index
DROP INDEX orders_customer_idx ON orders;

-- case: create table if not exists
CREATE TABLE IF NOT EXISTS invoices (id int PRIMARY KEY, sum decimal(10,2) NOT NULL DEFAULT 0) ENGINE=InnoDB;
-- case: create table as Laravel does
create table `invoices` (`id` bigint unsigned not null auto_increment primary key, `email` varchar(255) not null, `data` json not null, `created_at` timestamp null) default character set utf8mb4 collate 'utf8mb4_unicode_ci';
alter table `invoices` add unique `invoices_email_unique`(`email`);
alter table `invoices` add index `invoices_created`(`created_at`);
-- case: create table with foreign key
-- new: INSERT INTO invoices SELECT id, id FROM customers
CREATE TABLE invoices (id int PRIMARY KEY, customer_id int, CONSTRAINT f FOREIGN KEY (customer_id) REFERENCES customers (id));
-- case: create table with cascading foreign key
-- new: INSERT INTO invoices SELECT id, id FROM customers
CREATE TABLE invoices (id int PRIMARY KEY, customer_id int, CONSTRAINT f FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE);
-- case: create table with foreign key set null
-- new: INSERT INTO invoices SELECT id, id FROM customers
CREATE TABLE invoices (id int PRIMARY KEY, customer_id int REFERENCES customers (id) ON DELETE SET NULL);
-- case: create table, then foreign key
-- new: INSERT INTO invoices SELECT id, id FROM customers
CREATE TABLE invoices (id int PRIMARY KEY, customer_id int);
ALTER TABLE invoices ADD CONSTRAINT f FOREIGN KEY (customer_id) REFERENCES customers (id);
-- case: create table, then cascading foreign key
-- new: INSERT INTO invoices SELECT id, id FROM customers
CREATE TABLE invoices (id int PRIMARY KEY, customer_id int);
ALTER TABLE invoices ADD CONSTRAINT f FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE;
-- case: create table like
CREATE TABLE orders_copy LIKE orders;
-- case: create table below a cascade
-- new: INSERT INTO invoices SELECT id, id FROM customers; INSERT INTO invoice_lines SELECT id, id FROM invoices
CREATE TABLE invoices (id int PRIMARY KEY, customer_id int NOT NULL REFERENCES customers (id) ON DELETE CASCADE);
CREATE TABLE invoice_lines (id int PRIMARY KEY, invoice_id int NOT NULL REFERENCES invoices (id));
-- case: create table below a cascade with a cascade
-- new: INSERT INTO invoices SELECT id, id FROM customers; INSERT INTO invoice_lines SELECT id, id FROM invoices
CREATE TABLE invoices (id int PRIMARY KEY, customer_id int NOT NULL REFERENCES customers (id) ON DELETE CASCADE);
CREATE TABLE invoice_lines (id int PRIMARY KEY, invoice_id int NOT NULL REFERENCES invoices (id) ON DELETE CASCADE);
-- case: set default of a column with a check that fails
-- setup: UPDATE customers SET score = 1; ALTER TABLE customers ADD CONSTRAINT few CHECK (score <> 9999)
ALTER TABLE customers ALTER COLUMN score SET DEFAULT 9999;
-- case: set default of a column from which another is computed
-- setup: UPDATE customers SET score = 1; ALTER TABLE customers ADD COLUMN part smallint AS (score * 4) STORED
ALTER TABLE customers ALTER COLUMN score SET DEFAULT 9999;
-- case: modify beside a check
-- setup: ALTER TABLE orders ADD CONSTRAINT few CHECK (total < 100000000)
ALTER TABLE orders MODIFY total int NULL;
-- case: create table as select
CREATE TABLE orders_copy AS SELECT id, total FROM orders;
-- case: create or replace table
CREATE OR REPLACE TABLE log (id int AUTO_INCREMENT PRIMARY KEY, msg varchar(100));
-- case: create temporary table
CREATE TEMPORARY TABLE work (id int);
-- case: create partitioned table
CREATE TABLE visits (id int, at date) PARTITION BY HASH (id);
-- case: add two columns
ALTER TABLE orders ADD COLUMN x int DEFAULT 1, ADD COLUMN y varchar(20) NOT NULL DEFAULT '';
-- case: add columns in brackets
ALTER TABLE orders ADD (x int, y int);
-- case: add column if not exists
ALTER TABLE orders ADD COLUMN IF NOT EXISTS x int;
-- case: add column first
ALTER TABLE orders ADD COLUMN x int FIRST;
-- case: add column after
ALTER TABLE `orders` ADD `x` int NULL AFTER `total`;
-- case: add column instant
ALTER TABLE orders ADD COLUMN x int, ALGORITHM=INSTANT;
-- case: add column inplace without lock
ALTER TABLE orders ADD COLUMN x int, ALGORITHM=INPLACE, LOCK=NONE;
-- case: add column with copy
ALTER TABLE orders ADD COLUMN x int, ALGORITHM=COPY;
-- case: add column with exclusive lock
ALTER TABLE orders ADD COLUMN x int, LOCK=EXCLUSIVE;
-- case: add column with wait
ALTER TABLE orders WAIT 2 ADD COLUMN x int;
-- case: add column with nowait
ALTER TABLE orders NOWAIT ADD COLUMN x int;
-- case: add column with current_timestamp
ALTER TABLE orders ADD COLUMN seen datetime DEFAULT CURRENT_TIMESTAMP;
-- case: add column on update
ALTER TABLE orders ADD COLUMN seen timestamp NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP;
-- case: add column with now
ALTER TABLE orders ADD COLUMN seen datetime(6) DEFAULT now(6);
-- case: add timestamp not null
ALTER TABLE orders ADD COLUMN seen timestamp NOT NULL;
-- case: add column with rand
ALTER TABLE orders ADD COLUMN luck double DEFAULT (rand());
-- case: add column with sum as default
ALTER TABLE orders ADD COLUMN x int DEFAULT (1 + 1);
-- case: add column with another column as default
ALTER TABLE orders ADD COLUMN x int DEFAULT (total + 1);
-- case: add column with sequence
ALTER TABLE orders ADD COLUMN x bigint DEFAULT NEXTVAL(ticket);
-- case: add virtual column
ALTER TABLE orders ADD COLUMN twice int AS (total * 2) VIRTUAL;
-- case: add virtual column that can fail
ALTER TABLE orders ADD COLUMN tiny tinyint AS (total * 100000) VIRTUAL;
-- case: add json column
ALTER TABLE orders ADD COLUMN data json;
-- case: add json column not null
ALTER TABLE orders ADD COLUMN data json NOT NULL;
-- case: add json column with default
ALTER TABLE orders ADD COLUMN data json NOT NULL DEFAULT ('{}');
-- case: add text column with default
ALTER TABLE orders ADD COLUMN remark text NOT NULL DEFAULT '';
-- case: add enum column
ALTER TABLE orders ADD COLUMN color enum('blue', 'green') NOT NULL DEFAULT 'blue';
-- case: add unsigned column
ALTER TABLE orders ADD COLUMN x int unsigned NOT NULL DEFAULT 0;
-- case: add decimal column
ALTER TABLE orders ADD COLUMN price decimal(10,2) DEFAULT -1.50;
-- case: add boolean column
ALTER TABLE orders ADD COLUMN open boolean NOT NULL DEFAULT false;
-- case: add bit column
ALTER TABLE orders ADD COLUMN open bit(1) DEFAULT b'0';
-- case: add varchar column with collation
ALTER TABLE orders ADD COLUMN code varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '';
-- case: add column with comment
ALTER TABLE orders ADD COLUMN x int NULL COMMENT 'in cents';
-- case: add invisible column
ALTER TABLE orders ADD COLUMN x int INVISIBLE;
-- case: add column with null default and not null
ALTER TABLE orders ADD COLUMN x int NULL DEFAULT NULL;
-- case: add column with check
ALTER TABLE orders ADD COLUMN x int DEFAULT 1 CHECK (x > total);
-- case: add unique column
ALTER TABLE orders ADD COLUMN x int UNIQUE;
-- case: add unique column with default
ALTER TABLE orders ADD COLUMN x int DEFAULT 1 UNIQUE;
-- case: add primary key column
ALTER TABLE events ADD COLUMN x int PRIMARY KEY;
-- case: add column with foreign key
-- new: UPDATE orders SET x = id + 1 WHERE id BETWEEN 900 AND 19000
ALTER TABLE orders ADD COLUMN x int REFERENCES customers (id);
-- case: add column with foreign key set null
-- new: UPDATE orders SET x = id + 1 WHERE id BETWEEN 900 AND 19000
ALTER TABLE orders ADD COLUMN x int NULL REFERENCES customers (id) ON DELETE SET NULL;
-- case: add serial column
ALTER TABLE events ADD COLUMN number serial;
-- case: add and drop column
ALTER TABLE orders ADD COLUMN content text, DROP COLUMN body;
-- case: add column and index
ALTER TABLE orders ADD COLUMN x int, ADD INDEX x_idx (x);
-- case: drop column if exists
ALTER TABLE orders DROP IF EXISTS body;
-- case: drop without the word column
ALTER TABLE orders DROP body;
-- case: change without a new name
ALTER TABLE orders CHANGE body body mediumtext;
-- case: change order of columns
ALTER TABLE orders MODIFY body text AFTER id;
-- case: modify to the same
ALTER TABLE orders MODIFY body text;
-- case: modify charset
ALTER TABLE customers MODIFY name varchar(50) CHARACTER SET latin1 NOT NULL;
-- case: modify signed to unsigned
ALTER TABLE orders MODIFY total int unsigned NOT NULL;
-- case: modify to a stored generated column
ALTER TABLE orders MODIFY score int AS (total) STORED;
-- case: reorder enum
ALTER TABLE orders MODIFY status enum('sent', 'paid', 'new') NOT NULL;
-- case: drop default
ALTER TABLE orders ALTER qty DROP DEFAULT;
-- case: set default null
ALTER TABLE customers ALTER COLUMN score SET DEFAULT NULL;
-- case: set default text
ALTER TABLE customers ALTER COLUMN grade SET DEFAULT 'abc';
-- case: set default that is too long
ALTER TABLE customers ALTER COLUMN grade SET DEFAULT 'abcdef';
-- case: set default that is too large
ALTER TABLE orders ALTER COLUMN small SET DEFAULT 100000;
-- case: set default expression
ALTER TABLE customers ALTER COLUMN note SET DEFAULT (uuid());
-- case: set default uuid that does not fit
ALTER TABLE orders ALTER qty SET DEFAULT (uuid());
-- case: set default time that does not fit
ALTER TABLE orders ALTER small SET DEFAULT CURRENT_TIMESTAMP;
-- case: set default of a new json column
ALTER TABLE customers ADD COLUMN data json;
ALTER TABLE customers ALTER data SET DEFAULT 'abc';
-- case: add column, then set default uuid
ALTER TABLE customers ADD COLUMN token char(36);
ALTER TABLE customers ALTER token SET DEFAULT (uuid());
-- case: add json column with a default that is no json
ALTER TABLE orders ADD COLUMN data json DEFAULT 'abc';
-- case: add tinyint column with now
ALTER TABLE orders ADD COLUMN x tinyint DEFAULT now();
-- case: set default that fails
ALTER TABLE orders ALTER COLUMN score SET DEFAULT (cast('x' AS int) / 0);
-- case: index with prefix
ALTER TABLE orders ADD INDEX body_idx (body(10)), ADD INDEX total_idx (total DESC);
-- case: index if not exists
ALTER TABLE orders ADD INDEX IF NOT EXISTS total_idx (total);
-- case: index without lock
ALTER TABLE orders ADD KEY total_idx USING BTREE (total, qty), ALGORITHM=INPLACE, LOCK=NONE;
-- case: index with shared lock
ALTER TABLE orders ADD KEY total_idx (total), LOCK=SHARED;
-- case: create index without lock
CREATE INDEX total_idx ON orders (total) ALGORITHM=INPLACE LOCK=NONE;
-- case: create index with shared lock
CREATE INDEX total_idx ON orders (total) LOCK=SHARED;
-- case: create index if not exists
CREATE INDEX IF NOT EXISTS total_idx ON orders (total, created);
-- case: create or replace index
CREATE OR REPLACE INDEX orders_customer_idx ON orders (qty);
-- case: create fulltext index
CREATE FULLTEXT INDEX body_idx ON orders (body);
-- case: add fulltext index
ALTER TABLE orders ADD FULLTEXT INDEX body_idx (body);
-- case: add spatial index
-- setup: ALTER TABLE orders ADD COLUMN place point NOT NULL DEFAULT (point(1, 1))
ALTER TABLE orders ADD SPATIAL INDEX place_idx (place);
-- case: rename index
ALTER TABLE orders RENAME INDEX orders_customer_idx TO customer_idx;
-- case: alter table drop index
ALTER TABLE orders DROP INDEX orders_customer_idx;
-- case: ignore index
ALTER TABLE orders ALTER INDEX orders_customer_idx IGNORED;
-- case: drop unique index
ALTER TABLE customers DROP INDEX customers_email_key;
-- case: drop primary key
ALTER TABLE plain DROP PRIMARY KEY;
-- case: add primary key
ALTER TABLE events ADD PRIMARY KEY (id);
-- case: drop foreign key
ALTER TABLE orders DROP FOREIGN KEY orders_customer;
-- case: drop check
-- setup: ALTER TABLE orders ADD CONSTRAINT positive CHECK (total >= 0)
ALTER TABLE orders DROP CONSTRAINT positive;
-- case: table comment
ALTER TABLE orders COMMENT = 'what customers bought';
-- case: rebuild
ALTER TABLE orders ENGINE=InnoDB;
-- case: change engine
ALTER TABLE plain ENGINE=Aria;
-- case: force
ALTER TABLE orders FORCE;
-- case: auto_increment of the table
ALTER TABLE orders AUTO_INCREMENT = 100000;
-- case: default charset
ALTER TABLE orders DEFAULT CHARACTER SET latin1;
-- case: row format
ALTER TABLE orders ROW_FORMAT=COMPRESSED;
-- case: order by
ALTER TABLE plain ORDER BY msg;
-- case: partition a table
ALTER TABLE plain PARTITION BY HASH (id) PARTITIONS 4;
-- case: system versioning
ALTER TABLE orders ADD SYSTEM VERSIONING;
-- case: disable keys
ALTER TABLE orders DISABLE KEYS;
-- case: discard tablespace
ALTER TABLE plain DISCARD TABLESPACE;
-- case: create view
CREATE VIEW big_orders AS SELECT id, total FROM orders WHERE total > 100;
-- case: create view with definer
CREATE ALGORITHM=MERGE DEFINER=CURRENT_USER SQL SECURITY INVOKER VIEW big_orders AS SELECT id FROM orders;
-- case: drop view
DROP VIEW order_names;
-- case: replace view with other columns
CREATE OR REPLACE VIEW order_names AS SELECT id, body AS title FROM orders;
-- case: create sequence
CREATE SEQUENCE numbers START WITH 100;
-- case: drop sequence
DROP SEQUENCE ticket;
-- case: create database
CREATE DATABASE IF NOT EXISTS reports_of_the_shop;
-- case: create procedure and call
DELIMITER //
CREATE PROCEDURE wipe() BEGIN DELETE FROM orders WHERE id < 50; END//
DELIMITER ;
CALL wipe();
-- case: prepared statement
PREPARE s FROM 'ALTER TABLE orders DROP COLUMN body';
EXECUTE s;
-- case: execute immediate
EXECUTE IMMEDIATE 'ALTER TABLE orders DROP COLUMN body';
-- case: compound statement
DELIMITER //
BEGIN NOT ATOMIC DELETE FROM orders WHERE id < 50; END//
DELIMITER ;
-- case: executable comment of MariaDB
/*M! DROP TABLE log */;
-- case: executable comment inside of a statement
ALTER TABLE orders ADD COLUMN x int /*!, DROP COLUMN body */;
-- case: executable comment of later versions
ALTER TABLE orders ADD COLUMN x int /*!999999 , DROP COLUMN body */;
-- case: create event
CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM log;
-- case: trigger that fails
CREATE TRIGGER fail BEFORE INSERT ON orders FOR EACH ROW SIGNAL SQLSTATE '45000';
-- case: trigger that writes a narrow column
CREATE TRIGGER narrow BEFORE INSERT ON orders FOR EACH ROW SET NEW.small = NEW.total;
-- case: revoke
REVOKE INSERT ON shop.orders FROM app@'127.0.0.1', app@localhost;
-- case: grant
GRANT SELECT ON shop.orders TO 'app'@'127.0.0.1';
-- case: insert constant rows
INSERT INTO customers (email, name, note) VALUES ('a@example.org', 'A', NULL), ('b@example.org', 'B', DEFAULT);
-- case: insert set
INSERT INTO customers SET email = 'a@example.org', name = 'A';
-- case: insert ignore
INSERT IGNORE INTO customers (email, name) VALUES ('c1@example.org', 'new name');
-- case: insert with on duplicate key update
INSERT INTO customers (email, name) VALUES ('c1@example.org', 'x') ON DUPLICATE KEY UPDATE name = 'x';
-- case: insert select
INSERT INTO owners (id) SELECT id FROM orders;
-- case: insert with subquery
INSERT INTO owners (id) VALUES ((SELECT max(id) + 1 FROM orders FOR UPDATE));
-- case: replace rows
REPLACE INTO customers (id, email, name) VALUES (1, 'c1@example.org', 'x');
-- case: update one row
UPDATE orders SET total = 7 WHERE id = 1;
-- case: update with where
UPDATE orders SET score = total WHERE score IS NULL;
-- case: select
SELECT count(*) FROM orders WHERE total IS NULL;
-- case: select for update
-- hold
START TRANSACTION;
SELECT id FROM orders FOR UPDATE;
-- case: set lock wait timeout
SET SESSION lock_wait_timeout = 1;
-- case: set names
SET NAMES utf8mb4;
-- case: set foreign key checks
SET foreign_key_checks = 0;
ALTER TABLE orders ADD COLUMN x int;
-- case: set statement
SET STATEMENT max_statement_time = 10 FOR ALTER TABLE orders DROP COLUMN body;
-- case: set global
SET GLOBAL read_only = 1;
-- case: set sql mode
SET sql_mode = 'ANSI_QUOTES';
ALTER TABLE orders ADD COLUMN "x" int;
-- case: use another database
USE mysql;
-- case: use, create and drop
CREATE TABLE log2 (id int);
USE other;
CREATE TABLE log (id int);
USE shop;
DROP TABLE log;
-- case: flush tables with read lock
-- hold
FLUSH TABLES WITH READ LOCK;
-- case: analyze table
ANALYZE TABLE orders;
-- case: check table
CHECK TABLE orders;
-- case: drop table that the file created
CREATE TABLE work (id int);
DROP TABLE work;
-- case: create if not exists, then drop
CREATE TABLE IF NOT EXISTS log (id int);
DROP TABLE log;
-- case: statement in a comment
# DROP TABLE log;
-- DROP TABLE log;
/* DROP TABLE log; */ ALTER TABLE orders ADD COLUMN x int;
-- case: minus signs without a space
ALTER TABLE orders ADD COLUMN x int DEFAULT (1--1);
-- case: drop behind an escaped string
ALTER TABLE orders ADD COLUMN x varchar(20) DEFAULT 'a\';'; DROP TABLE log; -- ';
-- case: drop behind a delimiter
DELIMITER //
ALTER TABLE orders ADD COLUMN x varchar(20) DEFAULT ';'// DROP TABLE log//
DELIMITER ;
-- case: names in quotes
ALTER TABLE `orders` ADD COLUMN `drop column body;` int;

-- An entry of an index has at most 2,704 bytes on PostgreSQL. Until now names had up to 4,000, whose records could not be
-- copied there. A character has at most 4 bytes.
UPDATE items SET name = SUBSTR(name, 1, 325) WHERE OCTET_LENGTH(name) > 1300;
UPDATE item_templates SET name = SUBSTR(name, 1, 325) WHERE OCTET_LENGTH(name) > 1300;
UPDATE classification_nodes SET name = SUBSTR(name, 1, 325) WHERE OCTET_LENGTH(name) > 1300;
UPDATE classification_nodes SET scheme = SUBSTR(scheme, 1, 325) WHERE OCTET_LENGTH(scheme) > 1300;

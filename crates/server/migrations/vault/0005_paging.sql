-- A page begins where an index says, so that the last costs what the first does: an index for each list, by whose it is
-- and then in the order of the list.

DROP INDEX classification_nodes_by_user;
CREATE INDEX classification_nodes_by_user ON classification_nodes (user_id, sequence);
DROP INDEX item_templates_by_user;
CREATE INDEX item_templates_by_user ON item_templates (user_id, sequence);
DROP INDEX shares_by_item;
CREATE INDEX shares_by_item ON shares (item_id, sequence);

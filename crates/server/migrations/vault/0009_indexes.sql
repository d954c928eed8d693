-- Found by what they refer to, when that is deleted.
CREATE INDEX item_templates_by_node ON item_templates (classification_node_id);

-- How many items of a user were made from a template is counted in the index alone, and `original_id` says which are copies.
CREATE INDEX items_by_template ON items (template_id, user_id, original_id);

-- A user's items of one name, and their own and received ones, in the order of the list.
CREATE INDEX items_by_name ON items (user_id, name, sequence);
CREATE INDEX items_of_their_own ON items (user_id, sequence) WHERE original_id IS NULL;
CREATE INDEX items_received ON items (user_id, sequence) WHERE original_id IS NOT NULL;

-- Tasks that wait, among those that were done long ago.
CREATE INDEX client_tasks_by_state ON client_tasks (user_id, state, sequence);
DROP INDEX client_tasks_by_target;
CREATE INDEX client_tasks_by_target ON client_tasks (target_id, state);

-- How many invitations by e-mail a user made today.
CREATE INDEX invitations_by_email ON invitations (user_id, created_at) WHERE email IS NOT NULL;

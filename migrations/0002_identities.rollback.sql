DROP FUNCTION authenticate_subject(text, text);
DROP FUNCTION authenticate_api_key(bytea);
DROP TABLE api_keys;
DROP TABLE users;

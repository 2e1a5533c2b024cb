-- What of one account waits for a number is found without looking at what others have there, page by page.
DROP INDEX spool_waiting_number;
CREATE INDEX spool_waiting_number ON spool (number, account, message) WHERE claimed IS NULL AND number <> '';

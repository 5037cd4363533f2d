DROP FUNCTION apply_credit_note, apply_invoice_payment;
DROP TABLE invoice_payments;
DROP TABLE credit_note_line_items;
DROP TABLE credit_notes;

"""The handlers of the endpoints, by what they are about; `rows` is the table that lists them all."""

"""Raw columns to numbers: the treatment of tables, in the conversion and at the endpoint alike."""

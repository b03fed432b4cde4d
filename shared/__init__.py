"""The ETL and how it is run; knows no engine."""

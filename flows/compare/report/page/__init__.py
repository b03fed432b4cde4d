"""report.html: templates, style, tables and charts."""

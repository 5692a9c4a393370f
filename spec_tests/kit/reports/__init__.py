"""The pages of a report: HTML, Markdown and a badge. All of them are made from the report's lines alone."""

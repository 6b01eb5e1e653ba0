SELECT count(*) FROM notes WHERE NOT heading <=> title;

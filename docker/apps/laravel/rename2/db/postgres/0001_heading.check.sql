SELECT count(*) FROM notes WHERE heading IS DISTINCT FROM title;

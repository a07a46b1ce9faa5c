SELECT
  sum("books"."amount") AS "total"
FROM "books"
WHERE "books"."account_key" = 4
LIMIT 200

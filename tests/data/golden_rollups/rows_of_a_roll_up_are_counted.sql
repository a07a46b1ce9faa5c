SELECT
  count(*) AS "rows",
  count(DISTINCT "books"."unit_key") AS "units",
  min("books"."posted") AS "first"
FROM "books"
JOIN "chart" ON "books"."account_key" = "chart"."account_key"
JOIN "units" ON "books"."unit_key" = "units"."unit_key"
JOIN "versions" ON "books"."version_key" = "versions"."version_key"
WHERE "chart"."account_key" IN (1, 2, 10, 3, 4, 5, 11)
LIMIT 200

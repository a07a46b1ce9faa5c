SELECT
  sum("books"."amount") AS "total"
FROM "books"
JOIN "chart" ON "books"."account_key" = "chart"."account_key"
JOIN "units" ON "books"."unit_key" = "units"."unit_key"
JOIN "versions" ON "books"."version_key" = "versions"."version_key"
WHERE "versions"."version" = 'Actual'
  AND "units"."unit_key" IN (1, 2, 3, 4)
  AND "chart"."account" = 'Wages'
LIMIT 200

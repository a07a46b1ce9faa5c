SELECT
  avg("books"."amount") AS "mean"
FROM "books"
JOIN "chart" ON "books"."account_key" = "chart"."account_key"
JOIN "units" ON "books"."unit_key" = "units"."unit_key"
JOIN "versions" ON "books"."version_key" = "versions"."version_key"
WHERE "units"."unit_key" IN (3, 4)
  AND "chart"."account_key" IN (2, 10)
LIMIT 200

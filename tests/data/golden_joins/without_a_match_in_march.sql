SELECT DISTINCT
  "customers"."name" AS "name"
FROM "customers"
WHERE NOT EXISTS (SELECT 1 FROM "sales" WHERE "customers"."customer_id" = "sales"."customer_id"   AND "sales"."day" BETWEEN DATE '2024-03-01' AND DATE '2024-03-31')
ORDER BY "name" ASC NULLS LAST
LIMIT 200

SELECT DISTINCT
  "customers"."name" AS "name"
FROM "customers"
WHERE NOT EXISTS (SELECT 1 FROM "sales" WHERE "customers"."customer_id" = "sales"."customer_id")
ORDER BY "name" ASC NULLS LAST
LIMIT 200

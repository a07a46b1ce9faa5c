SELECT
  sum("sales"."amount") AS "x"
FROM "sales"
JOIN "customers" ON "sales"."customer_id" = "customers"."customer_id"
WHERE NOT EXISTS (SELECT 1 FROM (SELECT *, min("since") OVER (PARTITION BY "item" ORDER BY "since" GROUPS BETWEEN 1 FOLLOWING AND 1 FOLLOWING) AS "_until" FROM "lists" WHERE "lists"."since" IS NOT NULL AND "lists"."shop" = 'web') AS "lists" WHERE "sales"."item" = "lists"."item" AND "sales"."day" >= "lists"."since" AND ("lists"."_until" IS NULL OR "sales"."day" < "lists"."_until")   AND "lists"."shop" = 'web')
LIMIT 200

--# about: a publishing platform by Drizzle Kit, with statement breakpoints and a journal
--# file: meta/_journal.json
{"version": "7", "dialect": "postgresql", "entries": [
{"idx": 0, "when": 1700000000000, "tag": "0000_init"}, {"idx": 1, "when": 1700000000001, "tag": "0001_posts"},
{"idx": 2, "when": 1700000000002, "tag": "0002_seed"}, {"idx": 3, "when": 1700000000003, "tag": "0003_tags"},
{"idx": 4, "when": 1700000000004, "tag": "0004_post_state"}, {"idx": 5, "when": 1700000000005, "tag": "0005_slugs"},
{"idx": 6, "when": 1700000000006, "tag": "0006_int_to_bigint"}, {"idx": 7, "when": 1700000000007, "tag": "0007_media"},
{"idx": 8, "when": 1700000000008, "tag": "0008_cascade"}, {"idx": 9, "when": 1700000000009, "tag": "0009_json"},
{"idx": 10, "when": 1700000000010, "tag": "0010_defaults"}, {"idx": 11, "when": 1700000000011, "tag": "0011_views"},
{"idx": 12, "when": 1700000000012, "tag": "0012_schema"}, {"idx": 13, "when": 1700000000013, "tag": "0013_policies"},
{"idx": 14, "when": 1700000000014, "tag": "0014_checks"}, {"idx": 15, "when": 1700000000015, "tag": "0015_drop_media"},
{"idx": 16, "when": 1700000000016, "tag": "0016_rename_index"}, {"idx": 17, "when": 1700000000017, "tag": "0017_generated"}]}
--# file: 0000_init.sql
DO $$ BEGIN
 CREATE TYPE "public"."user_role" AS ENUM('reader', 'author', 'editor');
EXCEPTION
 WHEN duplicate_object THEN null;
END $$;
--> statement-breakpoint
CREATE TABLE IF NOT EXISTS "users" (
	"id" serial PRIMARY KEY NOT NULL,
	"email" varchar(256) NOT NULL,
	"role" "user_role" DEFAULT 'reader' NOT NULL,
	"created_at" timestamp DEFAULT now() NOT NULL,
	CONSTRAINT "users_email_unique" UNIQUE("email")
);
--> statement-breakpoint
CREATE TABLE IF NOT EXISTS "sessions" (
	"token" text PRIMARY KEY NOT NULL,
	"user_id" integer NOT NULL,
	"expires" timestamp with time zone NOT NULL
);
--> statement-breakpoint
DO $$ BEGIN
 ALTER TABLE "sessions" ADD CONSTRAINT "sessions_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;
EXCEPTION
 WHEN duplicate_object THEN null;
END $$;
--# file: 0001_posts.sql
CREATE TABLE "posts" (
	"id" serial PRIMARY KEY NOT NULL,
	"author_id" integer NOT NULL,
	"title" varchar(200) NOT NULL,
	"body" text DEFAULT '' NOT NULL,
	"published_at" timestamp
);
--> statement-breakpoint
ALTER TABLE "posts" ADD CONSTRAINT "posts_author_id_users_id_fk" FOREIGN KEY ("author_id") REFERENCES "users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX IF NOT EXISTS "posts_author_idx" ON "posts" USING btree ("author_id");--> statement-breakpoint
CREATE INDEX "posts_published_idx" ON "posts" USING btree ("published_at" DESC NULLS LAST);
--# file: 0002_seed.sql
INSERT INTO "users" ("email") SELECT 'reader' || i || '@blog.test' FROM generate_series(1, 25) i;--> statement-breakpoint
INSERT INTO "posts" ("author_id", "title") SELECT id, 'About ' || id FROM "users";
--# file: 0003_tags.sql
CREATE TABLE "tags" ("id" serial PRIMARY KEY NOT NULL, "name" text NOT NULL, CONSTRAINT "tags_name_unique" UNIQUE("name"));
--> statement-breakpoint
CREATE TABLE "post_tags" (
	"post_id" integer NOT NULL,
	"tag_id" integer NOT NULL,
	CONSTRAINT "post_tags_post_id_tag_id_pk" PRIMARY KEY("post_id","tag_id")
);
--> statement-breakpoint
ALTER TABLE "post_tags" ADD CONSTRAINT "post_tags_post_id_posts_id_fk" FOREIGN KEY ("post_id") REFERENCES "public"."posts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "post_tags" ADD CONSTRAINT "post_tags_tag_id_tags_id_fk" FOREIGN KEY ("tag_id") REFERENCES "public"."tags"("id") ON DELETE no action ON UPDATE no action;
--# file: 0004_post_state.sql
CREATE TYPE "public"."post_state" AS ENUM('draft', 'live');--> statement-breakpoint
ALTER TABLE "posts" ADD COLUMN "state" "post_state" DEFAULT 'draft' NOT NULL;--> statement-breakpoint
UPDATE "posts" SET "state" = 'live' WHERE "published_at" IS NOT NULL;
--# file: 0005_slugs.sql
ALTER TABLE "posts" ADD COLUMN "slug" text;--> statement-breakpoint
UPDATE "posts" SET "slug" = 'post-' || "id";--> statement-breakpoint
ALTER TABLE "posts" ALTER COLUMN "slug" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "posts" ADD CONSTRAINT "posts_slug_unique" UNIQUE("slug");
--# file: 0006_int_to_bigint.sql
ALTER TABLE "post_tags" ALTER COLUMN "post_id" SET DATA TYPE bigint;--> statement-breakpoint
ALTER TABLE "posts" ALTER COLUMN "id" SET DATA TYPE bigint;--> statement-breakpoint
ALTER TABLE "users" ALTER COLUMN "email" SET DATA TYPE text;
--# file: 0007_media.sql
CREATE TABLE "media" ("id" uuid PRIMARY KEY NOT NULL, "post_id" bigint, "alt" text, "width" smallint, "height" smallint);--> statement-breakpoint
ALTER TABLE "media" ADD CONSTRAINT "media_post_id_posts_id_fk" FOREIGN KEY ("post_id") REFERENCES "public"."posts"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "media_post_idx" ON "media" USING btree ("post_id") WHERE "post_id" is not null;
--# file: 0008_cascade.sql
ALTER TABLE "sessions" DROP CONSTRAINT "sessions_user_id_users_id_fk";
--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "post_tags" DROP CONSTRAINT "post_tags_post_id_posts_id_fk";--> statement-breakpoint
ALTER TABLE "post_tags" ADD CONSTRAINT "post_tags_post_id_posts_id_fk" FOREIGN KEY ("post_id") REFERENCES "public"."posts"("id") ON DELETE cascade ON UPDATE no action;
--# file: 0009_json.sql
ALTER TABLE "posts" ADD COLUMN "meta" json;--> statement-breakpoint
ALTER TABLE "posts" ALTER COLUMN "meta" SET DATA TYPE jsonb USING "meta"::jsonb;--> statement-breakpoint
CREATE INDEX "posts_meta_idx" ON "posts" USING gin ("meta" jsonb_path_ops);
--# file: 0010_defaults.sql
ALTER TABLE "users" ALTER COLUMN "created_at" SET DATA TYPE timestamp with time zone;--> statement-breakpoint
ALTER TABLE "users" ALTER COLUMN "role" DROP DEFAULT;--> statement-breakpoint
ALTER TABLE "users" ALTER COLUMN "role" SET DEFAULT 'author';--> statement-breakpoint
ALTER TABLE "posts" ALTER COLUMN "title" DROP NOT NULL;
--# file: 0011_views.sql
CREATE VIEW "public"."live_posts" AS (select "id", "title", "slug" from "posts" where "state" = 'live');--> statement-breakpoint
CREATE MATERIALIZED VIEW "public"."author_counts" AS (select "author_id", count(*) as "posts" from "posts" group by "author_id");
--# file: 0012_schema.sql
CREATE SCHEMA "stats";
--> statement-breakpoint
CREATE TABLE "stats"."daily" ("day" date NOT NULL, "post_id" bigint NOT NULL, "views" integer DEFAULT 0 NOT NULL, CONSTRAINT "daily_pk" PRIMARY KEY("day","post_id"));
--> statement-breakpoint
ALTER TABLE "stats"."daily" ADD CONSTRAINT "daily_post_fk" FOREIGN KEY ("post_id") REFERENCES "public"."posts"("id") ON DELETE cascade;
--# file: 0013_policies.sql
CREATE ROLE "blog_reader";--> statement-breakpoint
ALTER TABLE "posts" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "read live" ON "posts" AS PERMISSIVE FOR SELECT TO "blog_reader" USING ("state" = 'live');--> statement-breakpoint
ALTER POLICY "read live" ON "posts" TO "blog_reader" USING (true);--> statement-breakpoint
GRANT SELECT ON "posts" TO "blog_reader";
--# file: 0014_checks.sql
ALTER TABLE "posts" ADD CONSTRAINT "title_or_body" CHECK ("posts"."title" is not null or "posts"."body" <> '');--> statement-breakpoint
ALTER TABLE "media" ADD CONSTRAINT "media_size" CHECK ("width" > 0 AND "height" > 0);
--# file: 0015_drop_media.sql
ALTER TABLE "media" DISABLE ROW LEVEL SECURITY;--> statement-breakpoint
DROP TABLE "media" CASCADE;--> statement-breakpoint
DROP VIEW "public"."live_posts";--> statement-breakpoint
DROP MATERIALIZED VIEW "public"."author_counts";
--# file: 0016_rename_index.sql
DROP INDEX "posts_published_idx";--> statement-breakpoint
CREATE INDEX "posts_state_published_idx" ON "posts" USING btree ("state","published_at");--> statement-breakpoint
ALTER TABLE "stats"."daily" SET SCHEMA "public";--> statement-breakpoint
DROP SCHEMA "stats";
--# file: 0017_generated.sql
ALTER TABLE "posts" ADD COLUMN "title_length" integer GENERATED ALWAYS AS (length("title")) STORED;--> statement-breakpoint
ALTER TABLE "posts" DROP CONSTRAINT "title_or_body";--> statement-breakpoint
ALTER TABLE "posts" DROP COLUMN "meta";

// A database in a directory: three books with payload, and the one that is nearest to a query. Run it twice:
// the second time the books are there already, and each gets a new version.
#include <waggle.h>

#include <stdio.h>

// Opens the collection, or creates it the first time.
static waggle_status books_open(waggle_database *database, waggle_collection **books,
                                waggle_error *error)
{
    waggle_status status = waggle_collection_open(database, "books", books, error);
    if (status != WAGGLE_NOT_FOUND) return status;
    return waggle_collection_create_simple(database, "books", 4, WAGGLE_COSINE, WAGGLE_F32, books,
                                           error);
}

// When this returns, the books are on disk.
static waggle_status books_write(waggle_collection *books, waggle_error *error)
{
    static const uint64_t ids[] = {1, 2, 3};
    static const float vectors[3][4] = {
        {9, 1, 0, 0},
        {1, 9, 2, 0},
        {0, 1, 8, 3}
    };
    static const char sea[] = "{\"title\":\"Moby-Dick\"}", love[] = "{\"title\":\"Emma\"}",
                      space[] = "{\"title\":\"Solaris\"}";
    const waggle_text payloads[] = {
        {sea,   sizeof(sea) - 1  },
        {love,  sizeof(love) - 1 },
        {space, sizeof(space) - 1}
    };
    const waggle_vectors column = {.rows = waggle_rows_f32(vectors[0], 3, 4)};

    return waggle_upsert(books,
                         waggle_points_of(.count = 3, .id_numbers = ids, .vectors = &column,
                                          .vector_count = 1, .payloads = payloads),
                         NULL, error);
}

static waggle_status books_search(waggle_collection *books, waggle_error *error)
{
    static const float query[4] = {0, 0, 1, 0.5f};
    const waggle_rows rows = waggle_rows_f32(query, 1, 4);
    waggle_hits *hits = NULL;
    uint32_t count = 0;
    waggle_status status = waggle_search(
        books, &rows, waggle_search_options(.k = 2, .with_payload = true), &hits, error);
    if (status != WAGGLE_OK) return status;

    const waggle_hit *hit = waggle_hits_at(hits, 0, &count);
    for (uint32_t i = 0; i < count; i++) {
        printf("%.3f  %.*s\n", (double)hit[i].score, (int)hit[i].payload.size, hit[i].payload.data);
    }
    waggle_hits_destroy(hits);
    return WAGGLE_OK;
}

int main(void)
{
    waggle_database *database = NULL;
    waggle_collection *books = NULL;
    waggle_error error = {0};

    waggle_status status = waggle_open("books.db", NULL, &database, &error);
    if (status != WAGGLE_OK) goto cleanup;

    status = books_open(database, &books, &error);
    if (status != WAGGLE_OK) goto cleanup;

    status = books_write(books, &error);
    if (status != WAGGLE_OK) goto cleanup;

    status = books_search(books, &error);

cleanup:
    if (status != WAGGLE_OK) fprintf(stderr, "%s\n", error.message);
    waggle_collection_close(books);
    if (database != NULL) waggle_close(database, NULL);
    return status == WAGGLE_OK ? 0 : 1;
}

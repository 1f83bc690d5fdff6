// The vector store without a database, in 20 lines: five vectors on the best device, and the two nearest.
#include <waggle.h>

#include <stdio.h>

int main(void)
{
    const float vectors[] = {1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 0, 1, 1, 1}, query[] = {9, 8, 1};
    waggle_device *device = NULL;
    waggle_store *store = NULL;
    waggle_hits *hits = NULL;
    waggle_error error = {0};
    if (waggle_device_open(NULL, &device, &error) || // not WAGGLE_OK
        waggle_store_create(device, 3, WAGGLE_COSINE, &store, &error) ||
        waggle_store_add(store, NULL, vectors, 5, NULL, &error) ||
        waggle_store_search(store, query, 1, 2, &hits, &error))
        return fprintf(stderr, "%s\n", error.message), 1; // the process ends, and all with it
    for (uint32_t i = 0, count = 1; i < count; i++)
        printf("vector %d\n", (int)waggle_hits_at(hits, 0, &count)[i].id.value.number);
    waggle_hits_destroy(hits);
    waggle_store_destroy(store);
    waggle_device_close(device);
}

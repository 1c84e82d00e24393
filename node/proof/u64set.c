#include "node/proof/u64set.h"

#include "node/base/invariant.h"

/* Heap sort: in place, no recursion, no bad inputs. */
static void sift(uint64_t *items, size_t root, size_t n)
{
    uint64_t item = items[root];
    for (size_t child; (child = 2 * root + 1) < n; root = child) {
        child += child + 1 < n && items[child + 1] > items[child];
        if (items[child] <= item) {
            break;
        }
        items[root] = items[child];
    }
    items[root] = item;
}

size_t u64set_make(uint64_t *items, size_t n)
{
    for (size_t i = n / 2; i-- > 0;) {
        sift(items, i, n);
    }
    for (size_t end = n; end > 1; end--) {
        uint64_t largest = items[0];
        items[0] = items[end - 1];
        items[end - 1] = largest;
        sift(items, 0, end - 1);
    }
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || items[i] != items[kept - 1]) {
            items[kept++] = items[i];
        }
    }
    return kept;
}

size_t u64set_find(const uint64_t *items, size_t n, uint64_t item)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (items[mid] < item) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    invariant(low < n && items[low] == item);
    return low;
}

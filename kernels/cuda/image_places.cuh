// Where element i of images (N, height, width, channels) is.
struct Place {
  long long n;
  int h, w, c;
  __device__ Place(long long i, int height, int width, int channels) {
    const long long pixel = divide(i, channels);
    const long long row = divide(pixel, width);
    n = divide(row, height);
    c = (int)(i - pixel * channels);
    w = (int)(pixel - row * width);
    h = (int)(row - n * height);
  }
};

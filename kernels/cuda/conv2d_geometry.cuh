// The sizes of a convolution; conv2d.cu explains them.
struct Geometry {
  int n, h, w, c;         // of x
  int oh, ow, o;          // of y
  int kh, kw;             // of the filters
  int groups, cg, og;     // channels of a group: in and out
  int sh, sw, top, left;  // strides, and rows and columns of padding before the image
  int dh, dw;             // dilation
};

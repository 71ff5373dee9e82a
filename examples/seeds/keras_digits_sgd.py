"""Keras, handwritten digits with stochastic gradient descent: 5 epochs.

The program of the document with its import lines changed.  Typing errors of the document, mended
here: the line that loads the data was a comment; tf.deras.layers.Flatten is tf.keras.layers.Flatten;
tf.keras.Dense is tf.keras.layers.Dense."""

from tensorcore import tf

num_classes = 10
img_rows, img_cols = 28, 28
num_channels = 1
input_shape = (img_rows, img_cols, num_channels)

(x_train, y_train), (x_test, y_test) = tf.keras.datasets.mnist.load_data()
x_train, x_test = x_train / 255.0, x_test / 255.0

model = tf.keras.models.Sequential()
model.add(tf.keras.layers.Flatten())
model.add(tf.keras.layers.Dense(128, activation='relu'))
model.add(tf.keras.layers.Dense(num_classes, activation='softmax'))

model.summary()

model.compile(optimizer='sgd', 
             loss='sparse_categorical_crossentropy', 
             metrics=['accuracy'])

# verbose를 1로 지정하면 학습을 진행하며 앞에서 선택한 메트릭인 손실과 
# ETA(Estimated Time of Arrival)를 진행 표시줄로 확인할 수 있다. 
model.fit(x_train, y_train, epochs=5, verbose=1, validation_data=(x_test, y_test))

# >> accuracy: 97.02 %

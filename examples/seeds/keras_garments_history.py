"""Keras, images of garments: 5 epochs with validation, curves of the training, predictions.

The program of the document with its import lines changed; what the document typed at a prompt is
printed here."""

from tensorcore import tf
from tensorcore import keras

# 헬퍼 라이브러리
import numpy as np
from figures import plt

fashion_mnist = keras.datasets.fashion_mnist
(train_images, train_labels), (test_images, test_labels) = fashion_mnist.load_data()

print(train_images.shape, train_labels.shape)
# (60000, 28, 28) (60000,)

train_images, test_images = train_images / 255.0, test_images / 255.0

plt.figure()
plt.imshow(train_images[0])
plt.colorbar()
plt.grid(False)
plt.show()

class_names = ['T-shirt/top', 'Trouser', 'Pullover', 'Dress', 'Coat', 'Sandal', 'Shirt', 'Sneaker', 'Bag', 'Ankle boot']

plt.figure(figsize=(10, 10))
for i in range(25):
    plt.subplot(5, 5, i + 1)
    plt.xticks([])
    plt.yticks([])
    plt.grid(False)
    plt.imshow(train_images[i], cmap=plt.cm.binary)   # binary colormap을 사용하여 그린다.
    plt.xlabel(class_names[train_labels[i]])
plt.show()

model = keras.models.Sequential([
    keras.layers.Flatten(input_shape=(28, 28)),
    keras.layers.Dense(128, activation='relu'),
    keras.layers.Dense(10, activation='softmax')
])

model.compile(optimizer="adam",
             loss="sparse_categorical_crossentropy",
             metrics=["accuracy"])

model.summary()

model_history = model.fit(train_images, train_labels, validation_data=(test_images, test_labels), epochs=5)

test_loss, test_acc = model.evaluate(test_images, test_labels, verbose=2)
print('Test Accuracy : {:.4f}'.format(test_acc))

# 313/313 - 0s - loss: 0.3530 - accuracy: 0.8749
# Test Accuracy : 0.8749

epochs = 5
plt.figure(figsize=(10, 5))

# 1. Training And Validation Accuracy
plt.subplot(1, 2, 1)
plt.plot(range(epochs), model_history.history['accuracy'], label='Training Accuracy')
plt.plot(range(epochs), model_history.history['val_accuracy'], label='Validation Accuracy')
plt.xlabel('epoch')
plt.ylabel('accuracy')
plt.legend(loc='lower right')
plt.title('Training And Validation Accuracy')

# 2. Training And Validation Loss
plt.subplot(1, 2, 2)
plt.plot(range(epochs), model_history.history['loss'], label='Training Loss')
plt.plot(range(epochs), model_history.history['val_loss'], label='Validation Loss')
plt.xlabel('epoch')
plt.ylabel('loss')
plt.legend(loc='upper right')
plt.title('Training And Validation Loss')
plt.show()

predictions = model.predict(test_images)

# 첫 번째 예측 확인
print(predictions[0])

# array([6.1040200e-06, 2.8852369e-07, 2.1117361e-07, 1.8797499e-08,
#      4.9756432e-07, 9.3208579e-03, 7.2319317e-06, 6.8147913e-02,
#      3.1279894e-06, 9.2251378e-01], dtype=float32)

print(np.argmax(predictions[0]))
# 9

print(test_labels[0])
# 9

def plot_image(i, predictions_array, true_label, img):
    predictions_array, true_label, img = predictions_array[i], true_label[i], img[i]
    plt.grid(False)
    plt.xticks([])
    plt.yticks([])
    plt.imshow(img, cmap=plt.cm.binary)
    
    predicted_label = np.argmax(predictions_array)
    if predicted_label == true_label:
        color = "blue"
    else:
        color = "red"
        
    plt.xlabel("{} {:2.0f}% ({})".format(class_names[predicted_label], 100*np.max(predictions_array), class_names[true_label], color=color))
    
    
def plot_value_array(i, predictions_array, true_label):
    predictions_array, true_label = predictions_array[i], true_label[i]
    plt.grid(False)
    plt.xticks([])
    plt.yticks([])
    thisplot = plt.bar(range(10), predictions_array, color="#777777")
    plt.ylim([0, 1])
    
    predicted_label = np.argmax(predictions_array)
    thisplot[predicted_label].set_color('red')
    thisplot[true_label].set_color('blue')

row, col = 2, 3
plt.figure(figsize=(2*2*col, 2*row))
for i in range(6):
    plt.subplot(row, 2*col, 2*i + 1)
    plot_image(i, predictions, test_labels, test_images)
    plt.subplot(row, 2*col, 2*i + 2)
    plot_value_array(i, predictions, test_labels)
plt.show()

img = test_images[0]
print(img.shape)
# (28, 28)

img = (np.expand_dims(img, 0))
print(img.shape)
# (1, 28, 28)

predictions_single = model.predict(img)
print(predictions_single)
# [[6.1040087e-06 2.8852369e-07 2.1117361e-07 1.8797499e-08 4.9756432e-07
#  9.3208486e-03 7.2319249e-06 6.8147913e-02 3.1279865e-06 9.2251378e-01]]

plot_value_array(0, predictions_single, test_labels)
plt.xticks(range(10), class_names, rotation=45)
plt.show()

print(np.argmax(predictions_single[0]))
# 9

"""TensorFlow 2, classification of garments: 10 epochs, pictures of predictions.

The program of the document with its import lines changed."""

# import
from tensorcore import tf

import numpy as np
from figures import plt

print(tf.__version__)

# 모델 다운 (패션:키워드 모델 다운), train 6만개, test 1만개
fashion_mnist = tf.keras.datasets.fashion_mnist
(train_images, train_labels), (test_images, test_labels) = fashion_mnist.load_data()

# 학습에 대한 배열 정의
class_names = ['T-shirt/top', 'Trouser', 'Pullover', 'Dress', 'Coat', 'Sandal', 'Shirt', 'Sneaker', 'Bag', 'Ankle boot']

# 이미지 0 ~ 255 -> 0 ~ 1
train_images = train_images / 255.0
test_images = test_images / 255.0

# 각 이미지 보기
plt.figure(figsize=(10,10))
for i in range(25):
    plt.subplot(5,5,i+1)
    plt.xticks([])
    plt.yticks([])
    plt.grid(False)
    plt.imshow(train_images[i], cmap=plt.cm.binary)
    plt.xlabel(class_names[train_labels[i]])
plt.show()

# 모델 설정
model = tf.keras.Sequential([
    tf.keras.layers.Flatten(input_shape=(28, 28)),
    tf.keras.layers.Dense(128, activation='relu'),
    tf.keras.layers.Dense(10)
])
model.compile(optimizer='adam',
              loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
              metrics=['accuracy'])

# 모델 학습
model.fit(train_images, train_labels, epochs=10)

# 학습 결과
test_loss, test_acc = model.evaluate(test_images,  test_labels, verbose=2)
print('\nTest accuracy:', test_acc)

# 모델 변형 및 예측
probability_model = tf.keras.Sequential([model, tf.keras.layers.Softmax()])

# 1회 학습
predictions = probability_model.predict(test_images)

# 예측값 확인
predictions[0]

# 예측값 클래스 추출
np.argmax(predictions[0])

# 레이블 값과 비교
test_labels[0]

# 결과 이미지화

def plot_image(i, predictions_array, true_label, img):
  true_label, img = true_label[i], img[i]
  plt.grid(False)
  plt.xticks([])
  plt.yticks([])

  plt.imshow(img, cmap=plt.cm.binary)

  predicted_label = np.argmax(predictions_array)
  if predicted_label == true_label:
    color = 'blue'
  else:
    color = 'red'

  plt.xlabel("{} {:2.0f}% ({})".format(class_names[predicted_label],
                                100*np.max(predictions_array),
                                class_names[true_label]),
                                color=color)

def plot_value_array(i, predictions_array, true_label):
  true_label = true_label[i]
  plt.grid(False)
  plt.xticks(range(10))
  plt.yticks([])
  thisplot = plt.bar(range(10), predictions_array, color="#777777")
  plt.ylim([0, 1])
  predicted_label = np.argmax(predictions_array)

  thisplot[predicted_label].set_color('red')
  thisplot[true_label].set_color('blue')

# Plot the first X test images, their predicted labels, and the true labels.
# Color correct predictions in blue and incorrect predictions in red.
num_rows = 5
num_cols = 3
num_images = num_rows*num_cols
plt.figure(figsize=(2*2*num_cols, 2*num_rows))
for i in range(num_images):
  plt.subplot(num_rows, 2*num_cols, 2*i+1)
  plot_image(i, predictions[i], test_labels, test_images)
  plt.subplot(num_rows, 2*num_cols, 2*i+2)
  plot_value_array(i, predictions[i], test_labels)
plt.tight_layout()
plt.show()

# 모델 직접 적용 튜토리얼
# 이미지 부여
img = test_images[1]
print(img.shape)

# 배치 파일 부여 이미지
img = (np.expand_dims(img,0))
print(img.shape)

# 이미지의 예측값 획득
predictions_single = probability_model.predict(img)
print(predictions_single)

# 이미지의 예측값 시각화
plot_value_array(1, predictions_single[0], test_labels)
_ = plt.xticks(range(10), class_names, rotation=45)
plt.show()

# 이미지의 결과값
print("Result : " + str(np.argmax(predictions_single[0])))

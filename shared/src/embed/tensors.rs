//! The numbers of a model, out of a file in the format `safetensors`.

use ndarray::{Array1, Array2};
use safetensors::{Dtype, SafeTensors};

use crate::vector::half;
use crate::{Error, Result};

/// The tensors of one file.
pub struct Tensors<'a>(SafeTensors<'a>);

impl<'a> Tensors<'a> {
    /// Reads the names and shapes of a file. Errors if it is damaged.
    pub fn parse(bytes: &'a [u8]) -> Result<Tensors<'a>> {
        SafeTensors::deserialize(bytes)
            .map(Tensors)
            .map_err(|e| Error::new(format!("model.safetensors is damaged: {e}")))
    }

    /// True if there is a tensor with this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.tensor(name).is_ok()
    }

    /// A tensor of two dimensions. Errors if there is none of this name, if its numbers are of a type that is not
    /// read, or if it has another number of dimensions.
    pub fn matrix(&self, name: &str) -> Result<Array2<f32>> {
        let (shape, values) = self.read(name)?;
        match shape[..] {
            [rows, columns] => Array2::from_shape_vec((rows, columns), values).ok(),
            _ => None,
        }
        .ok_or_else(|| Error::new(format!("model.safetensors: {name} is not a matrix")))
    }

    /// A tensor of one dimension and this length. Errors if it is not there, or not so.
    pub fn row(&self, name: &str, length: usize) -> Result<Array1<f32>> {
        let (shape, values) = self.read(name)?;
        match shape[..] {
            [n] if n == length => Ok(Array1::from_vec(values)),
            _ => Err(Error::new(format!(
                "model.safetensors: {name} has the shape {shape:?}; {length} numbers were expected"
            ))),
        }
    }

    /// A tensor with this number of rows and columns. Errors if it is not there, or not so.
    pub fn shaped(&self, name: &str, rows: usize, columns: usize) -> Result<Array2<f32>> {
        let matrix = self.matrix(name)?;
        if matrix.dim() == (rows, columns) {
            Ok(matrix)
        } else {
            Err(Error::new(format!(
                "model.safetensors: {name} has the shape {:?}; {rows} by {columns} was expected",
                matrix.shape()
            )))
        }
    }

    fn read(&self, name: &str) -> Result<(Vec<usize>, Vec<f32>)> {
        let tensor = self
            .0
            .tensor(name)
            .map_err(|_| Error::new(format!("model.safetensors has no tensor {name}")))?;
        let data = tensor.data();
        let wide = |convert: fn(u16) -> f32| -> Vec<f32> {
            let halves = data.as_chunks().0.iter();
            halves.map(|b| convert(u16::from_le_bytes(*b))).collect()
        };
        let values = match tensor.dtype() {
            Dtype::F32 => {
                let floats = data.as_chunks().0.iter();
                floats.map(|b| f32::from_le_bytes(*b)).collect()
            }
            Dtype::F16 => wide(half::f16_to_f32),
            Dtype::BF16 => wide(half::bf16_to_f32),
            other => {
                return Err(Error::new(format!(
                    "model.safetensors: {name} is stored as {other:?}; only F32, F16 and BF16 are supported"
                )));
            }
        };
        if values.iter().all(|v| v.is_finite()) {
            Ok((tensor.shape().to_vec(), values))
        } else {
            Err(Error::new(format!(
                "model.safetensors: {name} holds a number that is not finite"
            )))
        }
    }
}
